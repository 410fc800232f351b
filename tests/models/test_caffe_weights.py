"""Caffe's weights in Keras against a NumPy forward pass in Caffe's own layout."""

import keras
import numpy as np
import pytest

from semreg_tf.config import EncoderConfig
from semreg_tf.data import image_ops
from semreg_tf.models import caffe_weights, caffenet
from semreg_tf.models.encoder import build_encoder

# Large enough for a 2 x 2 map before fc6, so that the order of flattening shows.
SIDE, WIDTH = 99, 1 / 16


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def caffemodel(layers):
    out = b""
    for name, arrays in layers.items():
        layer = field(1, name.encode())
        for array in arrays:
            shape = field(7, field(1, b"".join(map(varint, array.shape))))
            layer += field(7, shape + field(5, array.astype("<f4").tobytes()))
        out += field(100, layer)
    return out


def random_blobs(fc6_inputs):
    """Blobs as Caffe shapes them, different in every number."""
    shapes = {
        "conv1": (6, 3, 11, 11),
        "conv2": (16, 3, 5, 5),
        "conv3": (24, 16, 3, 3),
        "conv4": (24, 12, 3, 3),
        "conv5": (16, 12, 3, 3),
        "fc6": (256, fc6_inputs),
        "fc7": (256, 256),
        "fc8": (10, 256),
    }
    rng = np.random.default_rng(0)
    return {
        name: [
            rng.normal(0, 2 / np.sqrt(np.prod(shape[1:])), shape).astype("float32"),
            rng.normal(0, 5, shape[0]).astype("float32"),
        ]
        for name, shape in shapes.items()
    }


def convolve(x, weights, bias, stride=1, padding=0, groups=1):
    """x: (channels, height, width); weights: (filters, channels / groups, height, width)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weights.shape[2:], (1, 2))
    windows = windows[:, ::stride, ::stride]
    parts = zip(np.split(windows, groups), np.split(weights, groups), strict=True)
    out = np.concatenate([np.einsum("cijyx,fcyx->fij", w, k) for w, k in parts])
    return np.maximum(out + bias[:, None, None], 0)


def pool(x):
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((3, 4))


def lrn(x):
    squares = np.pad(x**2, ((2, 2), (0, 0), (0, 0)))
    return x / (1 + 1e-4 / 5 * sum(squares[k : k + len(x)] for k in range(5))) ** 0.75


def forward(bgr, blobs, pool_first):
    first, second = (pool, lrn) if pool_first else (lrn, pool)
    x = second(first(convolve(bgr, *blobs["conv1"], stride=4)))
    x = second(first(convolve(x, *blobs["conv2"], padding=2, groups=2)))
    x = convolve(x, *blobs["conv3"], padding=1)
    x = convolve(x, *blobs["conv4"], padding=1, groups=2)
    x = pool(convolve(x, *blobs["conv5"], padding=1, groups=2)).reshape(-1)
    for name in ("fc6", "fc7"):
        weights, bias = blobs[name]
        x = np.maximum(weights @ x + bias, 0)
    return x


def small_encoder(build):
    inputs = keras.Input((SIDE, SIDE, 3))
    spatial, top = build(inputs, True, WIDTH)
    return keras.Model(inputs, {"features": top, "spatial_features": spatial})


@pytest.mark.parametrize(
    ("network", "build", "pool_first"),
    [("caffenet", caffenet.build_caffenet, True), ("alexnet", caffenet.build_alexnet, False)],
)
def test_a_written_caffemodel_gives_caffes_features(
    tmp_path, monkeypatch, network, build, pool_first
):
    encoder = small_encoder(build)
    assert encoder.get_layer("flatten").input.shape[1:3] == (2, 2)
    blobs = random_blobs(16 * 2 * 2)
    source, output = tmp_path / "net.caffemodel", tmp_path / "new" / "net.weights.h5"
    source.write_bytes(caffemodel(blobs))
    monkeypatch.setattr(caffe_weights, "build_encoder", lambda config: encoder)
    count = caffe_weights.convert_caffe_weights(source, network, output)
    assert count == sum(a.size for name in blobs if name != "fc8" for a in blobs[name])
    assert [p.name for p in output.parent.iterdir()] == ["net.weights.h5"]

    loaded = small_encoder(build)
    loaded.load_weights(output)
    rgb = np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE, 3)).astype("float32")
    features = loaded(image_ops.normalise(rgb, "caffe")[None])["features"][0]
    bgr = rgb.transpose(2, 0, 1)[::-1] - np.reshape([103.939, 116.779, 123.68], (3, 1, 1))
    expected = forward(bgr, blobs, pool_first)
    assert expected.max() > 1
    np.testing.assert_allclose(features, expected, atol=1e-4 * expected.max())


def test_blobs_of_2014_are_the_same():
    encoder = small_encoder(caffenet.build_caffenet)
    blobs = random_blobs(64)
    names = caffe_weights.NETWORKS["caffenet"]
    caffe_weights.set_caffe_weights(encoder, blobs, names)
    expected = encoder.get_weights()
    old = {
        name: [a.reshape((1,) * (4 - a.ndim) + a.shape) for a in arrays]
        for name, arrays in blobs.items()
    }
    encoder.set_weights([np.zeros_like(w) for w in expected])
    caffe_weights.set_caffe_weights(encoder, old, names)
    for a, b in zip(expected, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_vgg16_names_are_keras_and_caffes():
    names = caffe_weights.NETWORKS["vgg16"]
    encoder = build_encoder(EncoderConfig(name="vgg16", weights=None), 32)
    assert [x.name for x in encoder.layers if x.weights] == list(names)
    counts = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
    published = [f"conv{b}_{i}" for b, n in counts.items() for i in range(1, n + 1)]
    assert list(names.values()) == [*published, "fc6", "fc7"]


def test_a_missing_layer_and_a_misfit_are_named():
    encoder = small_encoder(caffenet.build_caffenet)
    names = caffe_weights.NETWORKS["caffenet"]
    before = encoder.get_weights()
    blobs = random_blobs(64)
    del blobs["conv4"]
    with pytest.raises(ValueError, match=r"must hold a layer 'conv4' for 'conv4'. Received: "):
        caffe_weights.set_caffe_weights(encoder, blobs, names)
    blobs = random_blobs(65)
    with pytest.raises(ValueError, match=r"\(256, 64\).* in its layer 'fc6'.*\(256, 65\)"):
        caffe_weights.set_caffe_weights(encoder, blobs, names)
    blobs = random_blobs(64)
    blobs["conv1"].pop()
    with pytest.raises(ValueError, match=r"in its layer 'conv1'. Received: \[\(6, 3, 11, 11"):
        caffe_weights.set_caffe_weights(encoder, blobs, names)
    for a, b in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"`network` must be one of 'caffenet'.*network='resnet'"):
        caffe_weights.convert_caffe_weights("x", "resnet", "y.weights.h5")
    with pytest.raises(ValueError, match=r"`output` must end in '.weights.h5'. .*output='y.h5'"):
        caffe_weights.convert_caffe_weights("x", "vgg16", "y.h5")
    with pytest.raises(FileNotFoundError, match="`caffemodel` must be the path of a file"):
        caffe_weights.convert_caffe_weights(tmp_path / "x", "vgg16", "y.weights.h5")
