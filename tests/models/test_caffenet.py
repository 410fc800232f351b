"""CaffeNet and AlexNet against a NumPy forward pass in Caffe's own layout."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.models import caffenet

SIDE, WIDTH = 67, 1 / 16


def convolve(x, kernel, bias, stride, padding, groups):
    """x: (channels, h, w); kernel: (h, w, channels / groups, filters), as Keras's."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size, _, per_group, filters = kernel.shape
    side = (x.shape[1] - size) // stride + 1
    out = np.zeros((filters, side, side))
    for f in range(filters):
        first = f // (filters // groups) * per_group
        part = x[first : first + per_group]
        for i in range(side):
            for j in range(side):
                y, z = i * stride, j * stride
                window = part[:, y : y + size, z : z + size]
                out[f, i, j] = (window * kernel[..., f].transpose(2, 0, 1)).sum() + bias[f]
    return np.maximum(out, 0)


def max_pool(x):
    """3 x 3, stride 2; the number of windows is rounded up."""
    side = int(np.ceil((x.shape[1] - 3) / 2)) + 1
    rows = range(0, 2 * side, 2)
    return np.stack(
        [[x[:, i : i + 3, j : j + 3].max((1, 2)) for j in rows] for i in rows]
    ).transpose(2, 0, 1)


def normalise(x):
    squares = np.pad(x**2, ((2, 2), (0, 0), (0, 0)))
    sums = sum(squares[k : k + len(x)] for k in range(5))
    return x / (1 + 1e-4 / 5 * sums) ** 0.75


def forward(image, weights, pool_first):
    x = image.transpose(2, 0, 1)
    steps = [max_pool, normalise] if pool_first else [normalise, max_pool]
    for name, stride, padding, groups in [
        ("conv1", 4, 0, 1),
        ("conv2", 1, 2, 2),
        ("conv3", 1, 1, 1),
        ("conv4", 1, 1, 2),
        ("conv5", 1, 1, 2),
    ]:
        x = convolve(x, *weights[name], stride, padding, groups)
        if name in ("conv1", "conv2"):
            for step in steps:
                x = step(x)
    spatial = x.transpose(1, 2, 0)
    x = max_pool(x).transpose(1, 2, 0).reshape(-1)
    for name in ("fc6", "fc7"):
        kernel, bias = weights[name]
        x = np.maximum(x @ kernel + bias, 0)
    return spatial, x


def random_model(build):
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, build(inputs, True, WIDTH))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.weights
            scale = 2 / np.sqrt(np.prod(kernel.shape[:-1]))
            layer.set_weights([rng.normal(0, scale, kernel.shape), rng.normal(0, 9, bias.shape)])
    return model


@pytest.mark.parametrize(
    ("build", "pool_first"), [(caffenet.build_caffenet, True), (caffenet.build_alexnet, False)]
)
def test_forward_pass_equals_numpy(build, pool_first):
    model = random_model(build)
    image = np.random.default_rng(1).normal(0, 60, (SIDE, SIDE, 3)).astype("float32")
    spatial, top = model(image[None])
    weights = {x.name: x.get_weights() for x in model.layers if x.weights}
    expected_spatial, expected_top = forward(image, weights, pool_first)
    other_top = forward(image, weights, not pool_first)[1]
    scale = np.abs(expected_top).max()
    np.testing.assert_allclose(spatial[0], expected_spatial, atol=1e-4 * expected_spatial.max())
    np.testing.assert_allclose(top[0], expected_top, atol=1e-4 * scale)
    assert np.abs(expected_top - other_top).max() > 1e-2 * scale


def test_grouped_convolution_is_keras_own():
    rng = np.random.default_rng(0)
    ours, theirs = (
        cls(8, 3, padding="same", groups=2, activation="relu")
        for cls in (caffenet.GroupedConv2D, keras.layers.Conv2D)
    )
    images = tf.constant(rng.normal(size=(2, 7, 7, 6)), tf.float32)
    ours(images), theirs(images)
    weights = [rng.normal(size=w.shape) for w in ours.weights]
    results = []
    for layer in (ours, theirs):
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(images)
            output = layer(images)
            loss = tf.reduce_sum(output**2)
        results.append([output, *tape.gradient(loss, [images, *layer.trainable_variables])])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_normalisation_in_half_precision_stays_finite(dtype):
    x = np.random.default_rng(0).normal(0, 400, (1, 3, 3, 8)).astype("float32")
    layer = caffenet.LocalResponseNormalization(dtype=f"mixed_{dtype}")
    output = layer(x)
    assert output.dtype == dtype
    expected = normalise(x[0].transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_allclose(tf.cast(output[0], tf.float32), expected, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("side", [6, 7, 28, 55, 56])
def test_pooling_rounds_up_as_caffe_does(side):
    x = np.random.default_rng(side).normal(size=(side, side, 4)).astype("float32")
    inputs = keras.Input((side, side, 4))
    pooled = keras.Model(inputs, caffenet.caffe_max_pool(inputs, "pool"))(x[None])[0]
    np.testing.assert_array_equal(pooled, max_pool(x.transpose(2, 0, 1)).transpose(1, 2, 0))


def test_published_sizes():
    """60,965,224 parameters of the published network, less fc8's 4,097,000."""
    inputs = keras.Input((227, 227, 3))
    spatial, _ = caffenet.build_caffenet(inputs, with_top=False)
    assert spatial.shape == (None, 13, 13, 256)
    convolutions = keras.Model(inputs, spatial).count_params()
    assert convolutions + (6 * 6 * 256 + 1) * 4096 + 4097 * 4096 == 60_965_224 - 4_097_000


def test_saves_and_loads(tmp_path):
    model = random_model(caffenet.build_alexnet)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    image = np.random.default_rng(1).normal(0, 60, (1, SIDE, SIDE, 3)).astype("float32")
    np.testing.assert_array_equal(model(image)[1], loaded(image)[1])


@pytest.mark.parametrize("build", [caffenet.build_caffenet, caffenet.build_alexnet])
def test_dropout_follows_fc6_and_fc7_in_training_alone(build):
    inputs = keras.Input((SIDE, SIDE, 3))
    spatial, top = build(inputs, True, WIDTH, dropout=0.5)
    model = keras.Model(inputs, [spatial, top])
    names = [layer.name for layer in model.layers][-4:]
    assert names == ["fc6", "fc6_dropout", "fc7", "fc7_dropout"]
    images = np.random.default_rng(1).normal(0, 60, (8, SIDE, SIDE, 3)).astype("float32")
    plain, dropped = model(images)[1].numpy(), model(images, training=True)[1].numpy()
    np.testing.assert_array_equal(plain, model(images, training=False)[1])
    alive = plain > 0
    assert 0.3 < (dropped[alive] == 0).mean() < 0.8
