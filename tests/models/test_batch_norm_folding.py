"""A folded model says what the model said, with no normalisation left where one can go."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import EncoderConfig
from semreg_tf.models.batch_norm_folding import (
    fold_batch_norm,
    foldable,
    folded_statistics,
    unfold_batch_norm,
)
from semreg_tf.models.encoder import build_encoder


def randomise(model, seed=0):
    """Statistics, factors and biases far from 0 and 1, so that a forgotten one shows."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if getattr(layer, "use_bias", False):
            layer.bias.assign(generator.uniform(-1.0, 1.0, layer.bias.shape))
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                low = 0.5 if variable.path.endswith(("variance", "gamma")) else -1.0
                variable.assign(generator.uniform(low, 1.5, variable.shape))


def normalisations(model):
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


def check_equal(model, folded, images, tolerance=2e-5):
    expected, found = model(images, training=False), folded(images, training=False)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = np.abs(value).max()
        assert scale > 1e-3
        np.testing.assert_allclose(found[name], value, atol=tolerance * scale, err_msg=name)


def encoder_and_images(name, size):
    keras.utils.set_random_seed(0)
    encoder = build_encoder(EncoderConfig(name=name, weights=None), size)
    randomise(encoder)
    images = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(np.float32)
    return encoder, {"image": tf.constant(images)}


# Inception's normalisations have no gamma; MobileNet's come after depthwise convolutions too.
@pytest.mark.parametrize(
    ("name", "size", "number"),
    [
        ("small_cnn", 32, 4),
        ("mobilenet_v2", 32, 52),
        pytest.param("inception_v3", 75, 94, marks=pytest.mark.large),
        pytest.param("xception", 71, 40, marks=pytest.mark.large),
    ],
)
def test_all_of_an_encoder_fold_and_its_outputs_stay(name, size, number):
    encoder, images = encoder_and_images(name, size)
    before = [np.array(w) for w in encoder.get_weights()]
    folded = fold_batch_norm(encoder)
    assert len(normalisations(encoder)) == number
    assert normalisations(folded) == []
    check_equal(encoder, folded, images)
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_normalisation_is_left_in_the_graph():
    encoder, images = encoder_and_images("small_cnn", 32)
    folded = fold_batch_norm(encoder)

    def kinds(model):
        graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(images)
        return {op.type for op in graph.graph.get_operations()}

    # Keras normalises by 1 / sqrt(variance), which nothing else in this encoder computes.
    assert "Rsqrt" in kinds(encoder)
    assert not {x for x in kinds(folded) if "BatchNorm" in x or x == "Rsqrt"}


def layered(build):
    inputs = keras.Input((6, 6, 3), name="image")
    model = keras.Model({"image": inputs}, {"features": build(inputs)})
    randomise(model)
    return model


def depthwise(x):
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=True)(x)
    return keras.layers.BatchNormalization(scale=False)(x)


def dense(x):
    return keras.layers.BatchNormalization()(keras.layers.Dense(4)(x))


def separable(x):
    return keras.layers.BatchNormalization(center=False)(keras.layers.SeparableConv2D(5, 3)(x))


def activated(x):
    return keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, activation="relu")(x))


def read_twice(x):
    x = keras.layers.Conv2D(4, 3)(x)
    return keras.layers.Add()([x, keras.layers.BatchNormalization()(x)])


def after_sum(x):
    return keras.layers.BatchNormalization()(keras.layers.Add()([x, x]))


def called_twice(x):
    layer = keras.layers.Conv2D(3, 3, padding="same")
    return layer(keras.layers.BatchNormalization()(layer(x)))


def other_axis(x):
    return keras.layers.BatchNormalization(axis=1)(keras.layers.Conv2D(4, 3)(x))


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (depthwise, 0),
        (dense, 0),
        (separable, 0),
        (activated, 1),
        (read_twice, 1),
        (after_sum, 1),
        (called_twice, 1),
        (other_axis, 1),
    ],
)
def test_only_what_can_fold_does(build, left):
    model = layered(build)
    folded = fold_batch_norm(model)
    assert len(normalisations(folded)) == left
    assert len(foldable(model)) == 1 - left
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    check_equal(model, folded, {"image": images})


def test_factors_are_those_of_numpy():
    inputs = keras.Input((2,), name="image")
    dense_layer, norm = keras.layers.Dense(2), keras.layers.BatchNormalization(epsilon=0.5)
    model = keras.Model({"image": inputs}, {"features": norm(dense_layer(inputs))})
    dense_layer.set_weights([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])])
    gamma, beta, mean, variance = [2.0, 3.0], [0.1, 0.2], [1.0, -1.0], [3.5, 8.5]
    norm.set_weights([np.array(x) for x in (gamma, beta, mean, variance)])
    kernel, bias = fold_batch_norm(model).get_layer(dense_layer.name).get_weights()
    # s = 2 / sqrt(3.5 + 0.5), 3 / sqrt(8.5 + 0.5) = 1, 1.
    np.testing.assert_allclose(kernel, [[1.0, 2.0], [3.0, 4.0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [5.0 - 1.0 + 0.1, 6.0 + 1.0 + 0.2], rtol=1e-6)


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_v2"])
def test_unfolding_gives_the_network_back(name):
    encoder, images = encoder_and_images(name, 32)
    again = build_encoder(EncoderConfig(name=name, weights=None), 32)
    unfold_batch_norm(again, fold_batch_norm(encoder), folded_statistics(encoder))
    for found, expected in zip(again.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    if name == "small_cnn":
        # By the batch's own statistics too, as training computes; those of one cell are no test.
        found, expected = (model(images, training=True)["features"] for model in (again, encoder))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_silenced_channel_stays_silent_and_finite():
    encoder, images = encoder_and_images("small_cnn", 32)
    norm = normalisations(encoder)[0]
    norm.gamma.assign(np.where(np.arange(norm.gamma.shape[0]) == 2, 0.0, np.array(norm.gamma)))
    again = build_encoder(EncoderConfig(name="small_cnn", weights=None), 32)
    unfold_batch_norm(again, fold_batch_norm(encoder), folded_statistics(encoder))
    check_equal(encoder, again, images)


def test_statistics_of_another_network_are_refused():
    encoder, _ = encoder_and_images("small_cnn", 32)
    folded = fold_batch_norm(encoder)
    with pytest.raises(ValueError, match="shorter"):
        unfold_batch_norm(encoder, folded, folded_statistics(encoder)[:-1])
