"""A frozen encoder's features: computed once, whichever pooling reads them."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from semreg_tf import experiments
from semreg_tf.config import EncoderConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models import encoder as encoders
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.caffenet import build_caffenet
from semreg_tf.training.features import frozen_features
from semreg_tf.training.precision import dtype_policy_scope


@pytest.fixture(scope="module")
def split(toy, demo_data):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    builder = find_builder(demo_data, config.data.dataset)
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    return load_split(builder, "validation", vocabularies, config.data)


def annotator_of(config, like=None):
    made = Annotator(config, 5, 6)
    if like is not None:
        made.encoder.set_weights(like.encoder.get_weights())
    return made


def with_encoder(toy, size=32, **fields):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    encoder = EncoderConfig(weights=None, trainable=False, **fields)
    image = dataclasses.replace(config.image, size=size)
    return dataclasses.replace(config, encoder=encoder, image=image)


def direct(config, annotator, split):
    mode = encoders.encoder_spec(config.encoder.name).preprocessing
    inputs = Inputs(split, (batch.IMAGE,), config.image, config.image.size, mode)
    return np.concatenate(
        [
            annotator.encoder({"image": x[batch.IMAGE]})["features"]
            for x in evaluation_batches(inputs, 4)
        ]
    )


def test_another_pooling_encodes_nothing_again(toy, split, tmp_path):
    first = None
    for pooling, width in (("average", 128), ("average_max", 256), ("native", 256)):
        config = with_encoder(toy, name="small_cnn", pooling=pooling)
        annotator = first = annotator_of(config, first)
        features = frozen_features(config, annotator, split, tmp_path)
        assert features.shape == (8, 1, width) and features.dtype == np.float32
        assert not features.flags.writeable
        np.testing.assert_allclose(features[:, 0], direct(config, annotator, split), atol=1e-6)
        assert len(list(tmp_path.glob("*.npy"))) == 1


def test_fully_connected_features_have_a_cache_of_their_own(toy, split, tmp_path, monkeypatch):
    spec = encoders.ENCODERS["caffenet"]
    small = dataclasses.replace(spec, build=partial(build_caffenet, width=0.01))
    monkeypatch.setitem(encoders.ENCODERS, "caffenet", small)
    for number, pooling in enumerate(("native", "average"), start=1):
        config = with_encoder(toy, 67, name="caffenet", pooling=pooling)
        annotator = annotator_of(config)
        features = frozen_features(config, annotator, split, tmp_path)
        np.testing.assert_allclose(
            features[:, 0], direct(config, annotator, split), rtol=1e-4, atol=1e-5
        )
        assert len(list(tmp_path.glob("*.npy"))) == number


def test_features_computed_in_bfloat16_are_not_read_by_a_run_in_float32(toy, split, tmp_path):
    config = with_encoder(toy, name="small_cnn")
    with dtype_policy_scope("mixed_bfloat16"):
        rough = annotator_of(config)
    rounded = frozen_features(config, rough, split, tmp_path)
    annotator = annotator_of(config, rough)
    features = frozen_features(config, annotator, split, tmp_path)
    np.testing.assert_allclose(features[:, 0], direct(config, annotator, split), atol=1e-6)
    assert np.abs(features - rounded).max() > 1e-6
    assert len(list(tmp_path.glob("*.npy"))) == 2
