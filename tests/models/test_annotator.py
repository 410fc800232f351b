"""The models of an experiment put together: names, sizes, saving, groups."""

import dataclasses
import io

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import EncoderConfig
from semreg_tf.models.annotator import GROUPS, Annotator
from semreg_tf.models.encoder import build_encoder


def decoder_formula(vocab, embed, cells, init_inputs):
    return (
        (vocab + 1) * embed  # E, START included
        + 4 * cells * (embed + cells + 1)  # BasicLSTMCell
        + (init_inputs + 1) * cells  # Wi, bi
        + (cells + 1) * vocab  # W, b
    )


@pytest.mark.parametrize(
    ("name", "features", "concepts", "vocab", "formula"),
    [
        ("nus_wide_tags/s_cnn_rnn", 4096, 81, 82, decoder_formula(82, 256, 512, 81)),
        ("coco_tags/s_cnn_rnn", 4096, 80, 81, decoder_formula(81, 256, 512, 80)),
        ("coco_tags/ria", 4096, 80, 81, decoder_formula(81, 256, 512, 4096)),
        ("coco_captions/s_cnn_rnn", 2048, 1000, 12000, decoder_formula(12000, 512, 512, 1000)),
        ("coco_captions/nic_deeply", 2048, 1000, 12000, decoder_formula(12000, 512, 512, 2048)),
        (
            "coco_tags/cnn_rnn",
            4096,
            80,
            81,
            82 * 64 + 4 * 512 * (64 + 512 + 1) + 4096 * 64 + 512 * 64,  # E, cell, Ui, Uo
        ),
    ],
)
def test_full_size_parameters_are_the_formula(name, features, concepts, vocab, formula):
    annotator = Annotator(experiments.get(name), concepts, vocab, feature_size=features)
    assert annotator.decoder.count_params() == formula
    assert annotator.head.count_params() == (features + 1) * concepts


def test_user_tags_add_their_perceptron_at_full_size():
    config = experiments.get("nus_wide_tags/s_cnn_rnn_tag1k")
    annotator = Annotator(config, 81, 82, feature_size=4096)
    perceptron = (1000 + 1) * 256 + (256 + 1) * 81
    assert annotator.head.count_params() == (4096 + 1) * 81 + perceptron


@pytest.mark.large
@pytest.mark.parametrize(
    ("name", "parameters"),
    # Caffe's reference net and VGG16 up to fc7, Inception v3 up to its last pooling.
    [("caffenet", 56_868_224), ("vgg16", 134_260_544), ("inception_v3", 21_802_784)],
)
def test_papers_encoders_have_their_known_sizes(name, parameters):
    encoder = build_encoder(EncoderConfig(name=name, weights=None))
    assert encoder.count_params() == parameters


def make(toy, name="demo_captions/s_cnn_rnn"):
    return Annotator(toy(experiments.get(name)), num_concepts=12, vocab_size=13)


def test_functional_model_has_the_contracts_names(toy):
    model = make(toy).model
    assert set(model.input) == {"image", "input_ids"}
    assert set(model.output) == {
        "features",
        "concept_logits",
        "concept_probabilities",
        "token_logits",
    }
    out = io.StringIO()
    model.summary(print_fn=lambda line: out.write(line + "\n"))
    for part in ("encoder", "concept_head", "decoder"):
        assert part in out.getvalue()


@pytest.mark.parametrize(
    "name",
    ["demo_captions/s_cnn_rnn", "demo_tags/s_cnn_rnn_tag1k", "demo_captions/s_cnn_rnn_attention"],
)
def test_whole_model_saves_and_loads(name, toy, tmp_path):
    model = make(toy, name).model
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.normal(size=(2, 32, 32, 3)).astype("f"),
        "input_ids": rng.integers(0, 13, (2, 1, 4)),
    }
    if "user_tags" in model.input:
        inputs["user_tags"] = np.ones((2, 10), "f")
    model.save(tmp_path / "annotator.keras")
    loaded = keras.saving.load_model(tmp_path / "annotator.keras")
    for key, value in model(inputs).items():
        np.testing.assert_allclose(loaded(inputs)[key], value, atol=1e-6, err_msg=key)


def test_functional_model_is_encode_and_unroll(toy):
    annotator = make(toy)
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(2, 32, 32, 3)), tf.float32)
    ids = tf.constant(rng.integers(0, 13, (2, 3, 4)), tf.int32)
    whole = annotator.model({"image": images, "input_ids": ids})
    outputs = annotator.encode({"image": images})
    np.testing.assert_allclose(whole["concept_logits"], outputs["concept_logits"], atol=1e-5)
    np.testing.assert_allclose(whole["token_logits"], annotator.decoder(outputs, ids), atol=1e-5)


@pytest.mark.parametrize("standardise", [False, True])
def test_a_cached_map_gives_what_the_image_gives(standardise, toy):
    config = toy(experiments.get("demo_captions/s_cnn_rnn_attention"))
    encoder = dataclasses.replace(config.encoder, standardise=standardise)
    config = dataclasses.replace(config, encoder=encoder)
    whole = Annotator(config, 12, 13)
    of_features = Annotator(config, 12, 13, whole.feature_size, map_shape=whole.map_shape)
    for part in ("head", "decoder"):
        getattr(of_features, part).set_weights(getattr(whole, part).get_weights())
    rng = np.random.default_rng(0)
    images = tf.constant(10 * rng.normal(size=(2, 32, 32, 3)), tf.float32)
    ids = tf.constant(rng.integers(0, 13, (2, 3, 4)), tf.int32)
    cached = dict(whole.encoder({"image": images}))
    outputs = whole.encode({"image": images})
    again = of_features.encode(cached)
    np.testing.assert_allclose(again["spatial_features"], outputs["spatial_features"], atol=1e-5)
    if standardise:
        squares = np.mean(np.square(outputs["spatial_features"]), axis=-1)
        assert np.allclose(squares[squares > 0.5], 1.0, atol=1e-3)
    expected = whole.model({"image": images, "input_ids": ids})["token_logits"]
    made = of_features.model({**cached, "input_ids": ids})["token_logits"]
    np.testing.assert_allclose(made, expected, atol=1e-5)
    np.testing.assert_allclose(whole.decoder(outputs, ids), expected, atol=1e-5)


def test_a_map_that_nobody_reads_is_not_passed_on(toy):
    images = tf.zeros((1, 32, 32, 3))
    assert "spatial_features" not in make(toy).encode({"image": images})


def test_the_concept_head_needs_no_map_where_the_decoder_reads_one(toy):
    """As in the phase that trains the head alone on cached features."""
    annotator = make(toy, "demo_captions/s_cnn_rnn_attention")
    features = tf.zeros((2, annotator.feature_size))
    outputs = annotator.encode({"features": features}, training=True)
    assert outputs["concept_probabilities"].shape == (2, 12)
    assert "spatial_features" not in outputs


def test_groups_part_the_trainable_variables(toy):
    annotator = make(toy, "demo_tags/s_cnn_rnn_tag1k")
    grouped = [id(v) for group in GROUPS for v in annotator.variables(group)]
    whole = [
        *annotator.encoder.trainable_variables,
        *annotator.head.trainable_variables,
        *annotator.decoder.trainable_variables,
    ]
    assert sorted(grouped) == sorted(id(v) for v in whole)
    assert len(set(grouped)) == len(grouped)


def test_frozen_encoder_has_no_group(toy):
    annotator = make(toy, "demo_tags/s_cnn_rnn_tag1k_fix")
    assert annotator.variables("encoder") == []
    assert annotator.variables("image_head")


def test_all_variables_are_named_once(toy):
    annotator = make(toy)
    named = annotator.all_variables()
    count = sum(len(m.variables) for m in (annotator.encoder, annotator.head, annotator.decoder))
    assert len(named) == count
