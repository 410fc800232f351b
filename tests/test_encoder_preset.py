"""NAME[:POOLING] as overrides, and what it contradicts."""

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.encoder_preset import preset_overrides, with_preset

FLICKR8K = "flickr8k_captions/s_cnn_rnn"


def encoder_of(preset, *overrides):
    config = experiments.get(FLICKR8K)
    return config_io.apply_overrides(config, with_preset(preset, overrides, config)).encoder


def test_name_weights_and_pooling_in_one_word():
    for preset, pooling in (
        ("efficientnet_lite0", "native"),
        ("efficientnet_lite0:average", "average"),
        ("efficientnet_lite0:average_max", "average_max"),
    ):
        encoder = encoder_of(preset)
        assert encoder.name == "efficientnet_lite0"
        assert (encoder.weights, encoder.pooling) == ("imagenet", pooling)
        # The rest is the experiment's.
        assert encoder.standardise and encoder.feature_dropout == 0.5


def test_the_experiments_own_cnn_keeps_its_weights_and_its_pooling():
    own = experiments.get(FLICKR8K).encoder
    assert encoder_of("squeezenet_v1_1") == encoder_of(None) == own
    assert own.pooling == "average_max" and own.weights.endswith(".h5")
    other = encoder_of("squeezenet_v1_1:average")
    assert (other.weights, other.pooling) == (own.weights, "average")


def test_single_fields_complete_a_preset():
    assert encoder_of("caffenet", "encoder.weights=x.h5").weights == "x.h5"
    assert encoder_of("caffenet:average", "encoder.pooling=average").pooling == "average"
    assert encoder_of("caffenet", "encoder.pooling=average").pooling == "average"
    assert not encoder_of("caffenet", "encoder.trainable=false").trainable


@pytest.mark.parametrize(
    ("preset", "override", "field"),
    [
        ("caffenet", "encoder.name=alexnet", "encoder.name=caffenet"),
        ("caffenet:average", "encoder.pooling=native", "encoder.pooling=average"),
    ],
)
def test_contradictions_are_refused(preset, override, field):
    with pytest.raises(ValueError) as info:
        encoder_of(preset, override)
    message = str(info.value)
    assert message.startswith(f"`--encoder` says {field}, so ") and "\n" not in message
    assert message.endswith(f"Received: --encoder={preset} --config.{override}")


@pytest.mark.parametrize("preset", ["", ":average", "caffenet:", "caffenet:max", "caffenet:a:b"])
def test_what_is_no_preset_is_refused(preset):
    with pytest.raises(ValueError, match=r"must be the name of a CNN, .* 'average_max', such as"):
        preset_overrides(preset, Config())
