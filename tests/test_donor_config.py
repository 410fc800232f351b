import dataclasses
from pathlib import Path

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.donor_config import with_model_of
from semreg_tf.size_rule import sized

SHIPPED = Path(__file__).parents[1] / "models" / "flickr8k_captions"


def test_the_shipped_models_cnn_and_decoder_are_taken():
    base = experiments.get("custom_captions/s_cnn_rnn")
    other = dataclasses.replace(base.encoder, name="squeezenet_v1_1", pooling="average_max")
    base = dataclasses.replace(base, encoder=other)
    config = with_model_of(base, SHIPPED)
    assert (config.encoder.name, config.encoder.pooling) == ("efficientnet_lite0", "native")
    # Whether the CNN trains, and how long, is still the set's.
    assert config.encoder.trainable is None
    assert sized(config, 500).joint == sized(base, 500).joint
    assert config.data == base.data


def test_another_task_takes_the_cnn_alone():
    base = experiments.get("custom_captions/s_cnn_rnn")
    config = with_model_of(base, SHIPPED.with_name("corel5k_tags"))
    assert config.encoder.name == "efficientnet_lite2"
    assert config.decoder == base.decoder


def test_a_run_of_other_conditionings_brings_them(tmp_path):
    donor = dataclasses.replace(experiments.get("demo_captions/nic_f"))
    config_io.save(donor, str(tmp_path / "config.json"), stage="joint")
    config = with_model_of(experiments.get("custom_captions/s_cnn_rnn"), tmp_path)
    assert config.conditionings == donor.conditionings
    assert config.stages == ("joint",)
    assert not config.concepts.supervised


def test_a_folder_without_a_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`init_from` must be the work directory of a run, or"):
        with_model_of(experiments.get("custom_tags/s_cnn_rnn"), tmp_path)
