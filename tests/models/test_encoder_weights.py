"""Weights files: both layouts, by name and by place, and what does not fit."""

import logging

import h5py
import keras
import numpy as np
import pytest

from semreg_tf.config import EncoderConfig
from semreg_tf.models.encoder import batch_norm_layers, build_encoder


def build(name="small_cnn", size=32, **fields):
    return build_encoder(EncoderConfig(**{"name": name, "weights": None, **fields}), size)


def randomise(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])


def assert_equal(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("file", ["w.weights.h5", "whole.h5"])
def test_both_layouts_are_read_back(tmp_path, file, caplog):
    model = build()
    randomise(model)
    path = str(tmp_path / file)
    (model.save_weights if "weights" in file else model.save)(path)
    with caplog.at_level(logging.INFO):
        assert_equal(model, build(weights=path))
    assert f"Encoder small_cnn: weights of 8 layers from {path}" in caplog.text


def unnamed(offset):
    """A network whose layers Keras names; `offset` of its counters as after earlier models."""
    for _ in range(offset):
        keras.layers.Conv2D(1, 1), keras.layers.BatchNormalization()
    x = inputs = keras.Input((8, 8, 3))
    for filters in (4, 5, 6) * 4:
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(filters, 1)(x))
    return keras.Model(inputs, x)


@pytest.mark.parametrize("file", ["w.weights.h5", "whole.h5"])
def test_made_up_names_are_matched_by_place(tmp_path, file):
    from semreg_tf.models.encoder_weights import load_weights

    first, second = unnamed(0), unnamed(3)
    randomise(first)
    path = str(tmp_path / file)
    (first.save_weights if "weights" in file else first.save)(path)
    load_weights(second, path, "network")
    assert_equal(first, second)


@pytest.mark.large
@pytest.mark.parametrize("include_top", [False, True])
def test_inception_v3_as_keras_publishes_it(tmp_path, include_top):
    shape = (299, 299, 3) if include_top else (96, 96, 3)
    published = keras.applications.InceptionV3(
        weights=None, include_top=include_top, input_shape=shape
    )
    randomise(published)
    path = str(tmp_path / "inception.h5")
    published.save(path)
    encoder = build("inception_v3", 96, weights=path)
    for ours, theirs in zip(encoder.weights, published.weights, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    assert {x.momentum for x in batch_norm_layers(encoder)} == {0.9997}


def test_a_file_with_a_classifier_serves_without_it(tmp_path):
    published = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=3)
    randomise(published)
    path = str(tmp_path / "mobilenet.weights.h5")
    published.save_weights(path)
    encoder = build("mobilenet_v2", weights=path)
    for ours, theirs in zip(encoder.weights, published.weights, strict=False):
        np.testing.assert_array_equal(ours, theirs)


def message(kind, path, **fields):
    with pytest.raises(kind) as info:
        build(weights=str(path), **fields)
    text = str(info.value)
    assert "\n" not in text and str(path) in text
    return text


def test_a_missing_file(tmp_path):
    assert "path of a file. Received: weights=" in message(FileNotFoundError, tmp_path / "no.h5")


def test_another_encoders_file_names_the_layer_and_changes_nothing(tmp_path):
    path = tmp_path / "small.weights.h5"
    build().save_weights(path)
    text = message(ValueError, path, name="squeezenet_v1_1", size=64)
    assert "must be those of 'squeezenet_v1_1': its layer 'conv1' has shapes " in text
    assert "(3, 3, 3, 64) (64,), the file's 'conv2d' has (3, 3, 3, 24)" in text


def test_a_late_misfit_sets_no_weight(tmp_path):
    from semreg_tf.models.encoder_weights import load_weights

    path = tmp_path / "small.weights.h5"
    source = build()
    randomise(source)
    source.save_weights(path)
    with h5py.File(path, "a") as file:
        del file["layers/conv2d_3/vars/0"]
        file["layers/conv2d_3/vars/0"] = np.zeros((3, 3, 96, 127))
    encoder = build()
    before = encoder.get_weights()
    with pytest.raises(ValueError, match=r"layer 'conv4' .* 'conv4' has \(3, 3, 96, 127\)"):
        load_weights(encoder, str(path), "small_cnn")
    for a, b in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_few_layers(tmp_path):
    path = tmp_path / "few.h5"
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(24, 3, use_bias=False, name="conv1")
    keras.Model(inputs, conv(inputs)).save(path)
    assert "its layer 'norm1' has shapes (24,) (24,) (24,) (24,), the file's '' has nothing" in (
        message(ValueError, path)
    )


@pytest.mark.parametrize("content", ["text", "empty HDF5"])
def test_unreadable_files(tmp_path, content):
    path = tmp_path / "broken.h5"
    if content == "text":
        path.write_text("not weights")
    else:
        h5py.File(path, "w").close()
    text = message(ValueError, path)
    assert text.startswith("`weights` must be an HDF5 file of Keras weights. Received: weights=")
