"""SqueezeNet v1.1 against NumPy on a real picture, and its published sizes."""

import pathlib

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from semreg_tf.config import EncoderConfig
from semreg_tf.data import image_ops
from semreg_tf.models.encoder import build_encoder
from semreg_tf.models.squeezenet import FIRE_MODULES, build_squeezenet_v1_1

DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
WEIGHTS = DATA / "weights" / "squeezenet_v1.1_imagenet_notop_tf.h5"
PICTURE = DATA / "coco128" / "train2017" / "000000000009.jpg"


def convolve(x, kernel, bias, stride=1, padding=0):
    """x: (h, w, channels), by one matrix product per kernel position."""
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    size = kernel.shape[0]
    side = (x.shape[0] - size) // stride + 1
    out = np.zeros((side, side, kernel.shape[3]))
    for i in range(size):
        for j in range(size):
            part = x[i : i + stride * side : stride, j : j + stride * side : stride]
            out += part[:side, :side] @ kernel[i, j]
    return np.maximum(out + bias, 0)


def max_pool(x):
    side = int(np.ceil((x.shape[0] - 3) / 2)) + 1
    x = np.pad(x, ((0, 1), (0, 1), (0, 0)), constant_values=-np.inf)
    parts = [
        x[i : i + 2 * side : 2, j : j + 2 * side : 2][:side, :side]
        for i in range(3)
        for j in range(3)
    ]
    return np.max(parts, axis=0)


def forward(image, file):
    def layer(name):
        arrays = {}

        def keep(_, item):
            if isinstance(item, h5py.Dataset):
                arrays[item.ndim] = item[()]

        file[name].visititems(keep)
        return arrays[4], arrays[1]

    x = max_pool(convolve(image, *layer("conv1"), stride=2))
    for fire in range(2, 10):
        x = convolve(x, *layer(f"fire{fire}/squeeze1x1"))
        sides = [
            convolve(x, *layer(f"fire{fire}/expand1x1")),
            convolve(x, *layer(f"fire{fire}/expand3x3"), padding=1),
        ]
        x = np.concatenate(sides, -1)
        if fire in (3, 5):
            x = max_pool(x)
    return x


@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs the shared SqueezeNet weights")
def test_real_weights_and_picture_equal_numpy():
    encoder = build_encoder(EncoderConfig(name="squeezenet_v1_1", weights=str(WEIGHTS)))
    picture = np.asarray(Image.open(PICTURE).resize((227, 227))).astype("float32")
    image = image_ops.normalise(picture, "caffe").numpy()
    outputs = encoder({"image": image[None]})
    with h5py.File(WEIGHTS) as file:
        expected = forward(np.float64(image), file)
    assert expected.shape == (14, 14, 512)
    scale = expected.max()
    np.testing.assert_allclose(
        outputs["spatial_features"][0], expected.reshape(-1, 512), atol=1e-4 * scale
    )
    np.testing.assert_allclose(outputs["features"][0], expected.mean((0, 1)), atol=1e-4 * scale)


@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs the shared SqueezeNet weights")
def test_real_features_know_a_picture_from_its_mirror_image_and_another():
    encoder = build_encoder(EncoderConfig(name="squeezenet_v1_1", weights=str(WEIGHTS)))
    paths = sorted(PICTURE.parent.glob("*.jpg"))[:8]
    images = np.stack(
        [image_ops.decode_for_evaluation(p.read_bytes(), 227, 1.157, "caffe") for p in paths]
    )
    features, mirrored = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (encoder({"image": i})["features"].numpy() for i in (images, images[:, :, ::-1]))
    )
    np.testing.assert_array_equal((features @ mirrored.T).argmax(1), range(8))


def test_parameters_are_the_formulas():
    """722,496: conv1 1,792; a fire module of s and e filters on c: s (c + 1) + e (10 s + 2)."""
    inputs = keras.Input((64, 64, 3))
    total, channels = 3 * 3 * 3 * 64 + 64, 64
    for squeeze, expand in FIRE_MODULES.values():
        total += squeeze * (channels + 1) + expand * (10 * squeeze + 2)
        channels = 2 * expand
    assert keras.Model(inputs, build_squeezenet_v1_1(inputs)[0]).count_params() == total == 722_496
