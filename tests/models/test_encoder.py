"""The registry of encoders: outputs, errors and the batch-normalisation policy."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import EncoderConfig
from semreg_tf.data.image_ops import NORMALISATIONS
from semreg_tf.models import caffenet
from semreg_tf.models import encoder as encoders
from semreg_tf.models.batch_norm_folding import fold_batch_norm
from semreg_tf.models.encoder import build_encoder, encoder_spec


def build(name, size=None, **fields):
    return build_encoder(EncoderConfig(name=name, weights=None, **fields), size)


@pytest.mark.parametrize(
    ("name", "size", "pooling", "features", "spatial"),
    [
        ("small_cnn", None, "native", 256, (144, 128)),
        ("small_cnn", 40, "average", 128, (25, 128)),
        ("squeezenet_v1_1", None, "native", 512, (196, 512)),
        ("squeezenet_v1_1", 64, "average_max", 1024, (9, 512)),
        ("caffenet", None, "average", 256, (169, 256)),
        ("alexnet", 99, "average_max", 512, (25, 256)),
        ("inception_v3", None, "native", 2048, (64, 2048)),
        ("vgg16", 64, "average", 512, (16, 512)),
        ("mobilenet_v2", 64, "native", 1280, (4, 1280)),
    ],
)
def test_outputs(name, size, pooling, features, spatial):
    model = build(name, size, pooling=pooling)
    side = size or encoder_spec(name).default_size
    assert {k: v.shape for k, v in model.input.items()} == {"image": (None, side, side, 3)}
    assert {k: v.shape[1:] for k, v in model.output.items()} == {
        "features": (features,),
        "spatial_features": spatial,
    }
    assert model.name == "encoder"


@pytest.mark.large
@pytest.mark.parametrize("name", ["caffenet", "alexnet", "vgg16"])
def test_native_features_are_fc7(name):
    model = build(name)
    assert model.output["features"].shape == (None, 4096)
    assert model.count_params() == {"vgg16": 134_260_544}.get(name, 56_868_224)


def test_fully_connected_features_at_a_small_size():
    model = build("caffenet", 67)
    images = np.random.default_rng(0).normal(0, 50, (2, 67, 67, 3)).astype("float32")
    top = keras.Model(model.inputs, model.get_layer("fc7").output)
    features = model({"image": images})["features"]
    np.testing.assert_array_equal(features, top({"image": images}))
    assert (features.numpy() >= 0).all()


def test_pooling_equals_numpy():
    images = np.random.default_rng(0).normal(size=(2, 40, 40, 3)).astype("float32")
    outputs = build("small_cnn", 40)({"image": images})
    cells = outputs["spatial_features"].numpy()
    expected = np.concatenate([cells.mean(1), cells.max(1)], axis=1)
    np.testing.assert_allclose(outputs["features"], expected, atol=1e-5)


def test_specs_name_modes_that_exist():
    assert {spec.preprocessing for spec in encoders.ENCODERS.values()} <= set(NORMALISATIONS)
    assert encoder_spec("resnet50").preprocessing == "caffe"
    assert encoder_spec("inception_v3").preprocessing == "inception"


def test_a_new_encoder_is_one_entry(monkeypatch):
    def build_new(inputs, with_top):
        return keras.layers.Conv2D(5, 3)(inputs), None

    spec = encoders.EncoderSpec(build_new, 20, "unit")
    monkeypatch.setitem(encoders.ENCODERS, "new", spec)
    assert build("new").output["features"].shape == (None, 5)


def test_random_weights_are_logged(caplog):
    with caplog.at_level(logging.INFO):
        build("small_cnn", 16)
    assert "Encoder small_cnn: random weights" in caplog.text


@pytest.mark.parametrize("trainable", [True, False])
def test_trainable_is_the_models(trainable):
    model = build("small_cnn", 16, trainable=trainable)
    assert len(model.trainable_variables) == (12 if trainable else 0)


def statistics(model):
    return [
        np.concatenate([layer.moving_mean, layer.moving_variance])
        for layer in encoders.batch_norm_layers(model)
    ]


@pytest.mark.parametrize("update", [False, True])
def test_batch_norm_policy(update):
    model = build("small_cnn", 32)
    images = tf.random.stateless_normal((4, 32, 32, 3), (1, 2)) * 3 + 1
    before = statistics(model)
    with tf.GradientTape() as tape:
        features = model({"image": images}, training=update)["features"]
        loss = tf.reduce_sum(features**2)
    gradients = tape.gradient(loss, model.trainable_variables)
    changed = [not np.array_equal(a, b) for a, b in zip(before, statistics(model), strict=True)]
    assert changed == [update] * 4
    # Frozen or not, every weight still learns, gamma and beta among them.
    assert all(np.abs(g).max() > 0 for g in gradients) and len(gradients) == 12


def test_frozen_statistics_make_a_picture_independent_of_its_batch():
    model = build("small_cnn", 32)
    images = tf.random.stateless_normal((4, 32, 32, 3), (1, 2))
    for update, equal in ((False, True), (True, False)):
        whole = model({"image": images}, training=update)["features"][:2]
        part = model({"image": images[:2]}, training=update)["features"]
        assert np.allclose(whole, part, atol=1e-5) == equal


def test_an_untrainable_encoder_never_moves():
    model = build("small_cnn", 32, trainable=False)
    before = statistics(model)
    model({"image": tf.ones((2, 32, 32, 3))}, training=True)
    np.testing.assert_array_equal(np.concatenate(before), np.concatenate(statistics(model)))


def test_momentum_is_set_on_every_layer():
    model = build("small_cnn", 16)
    encoders.set_batch_norm_momentum(model, 0.9997)
    assert [x.momentum for x in encoders.batch_norm_layers(model)] == [0.9997] * 4


def test_saves_and_loads(tmp_path):
    model = build("small_cnn", 32)
    model.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    for key, value in model({"image": images}).items():
        np.testing.assert_array_equal(value, loaded({"image": images})[key])


def error(**fields):
    size = fields.pop("size", None)
    with pytest.raises(ValueError) as info:
        build_encoder(EncoderConfig(**fields), size)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_unknown_names_list_the_known():
    message = error(name="inception_v5")
    assert all(name in message for name in encoders.ENCODERS)
    assert "keras.applications, such as 'resnet50'" in message
    assert message.endswith("Received: encoder.name='inception_v5'")


@pytest.mark.parametrize("name", ["caffenet", "inception_v3"])
def test_too_small_an_input(name):
    message = error(name=name, weights=None, size=20)
    assert message.startswith(f"`image_size` is too small for {name!r}, whose default is ")
    assert message.endswith("Received: image_size=20")


def test_imagenet_weights_that_keras_does_not_have():
    assert "convert the published .caffemodel" in error(name="caffenet")
    assert "'small_cnn' give the path of a weights file" in error(name="small_cnn")


def test_fully_connected_imagenet_weights_fix_the_size():
    message = error(name="vgg16", size=96)
    assert message.startswith("`image_size` must be 224 for the fully connected layers of 'vgg16'")


def test_weights_that_others_replace_are_not_read_but_count_as_published(monkeypatch):
    spec = dataclasses.replace(encoders.ENCODERS["small_cnn"], fine_tuning_momentum=0.5)
    monkeypatch.setitem(encoders.ENCODERS, "small_cnn", spec)
    for weights, momentum in (("missing.h5", 0.5), ("imagenet", 0.5), (None, 0.9)):
        config = EncoderConfig(name="small_cnn", weights=weights)
        model = build_encoder(config, 16, load_first_weights=False)
        assert {x.momentum for x in encoders.batch_norm_layers(model)} == {momentum}


def test_fc_dropout_is_of_a_trained_cnn_with_fully_connected_layers(monkeypatch):
    def build_small(inputs, with_top, dropout=0.0):
        return caffenet.build_caffenet(inputs, with_top, 0.01, dropout)

    spec = dataclasses.replace(encoder_spec("caffenet"), build=build_small, default_size=67)
    monkeypatch.setitem(encoders.ENCODERS, "small_caffenet", spec)
    trained, frozen = (
        build("small_caffenet", fc_dropout=0.5, trainable=trainable) for trainable in (True, False)
    )
    assert len(encoders.fc_dropout_layers(trained)) == 2
    assert not encoders.fc_dropout_layers(frozen)
    assert not encoders.fc_dropout_layers(
        build("small_caffenet", pooling="average", fc_dropout=0.5)
    )
    assert not encoders.fc_dropout_layers(build("small_cnn", 40, fc_dropout=0.5))
    # A checkpoint, a cache and another run see the same weights with and without.
    names = [[v.name for v in encoders.stored_variables(e)] for e in (trained, frozen)]
    assert names[0] == names[1]


def test_vggs_dropout_surrounds_its_second_fully_connected_layer():
    encoder = build("vgg16", 32, fc_dropout=0.5)
    images = np.random.default_rng(0).normal(0, 60, (4, 32, 32, 3)).astype("f")
    plain = encoder({"image": images})["features"].numpy()
    first = keras.Model(encoder.input, encoder.get_layer("fc1").output)({"image": images})
    np.testing.assert_allclose(plain, encoder.get_layer("fc2")(first), rtol=1e-5)
    # An export copies the graph.
    copied = fold_batch_norm(encoder)({"image": images})["features"]
    np.testing.assert_allclose(plain, copied, rtol=1e-5)
    dropped = encoder({"image": images}, training=True)["features"].numpy()
    alive = plain > 0
    assert 0.3 < (dropped[alive] == 0).mean() < 0.8
