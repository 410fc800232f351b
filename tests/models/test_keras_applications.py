"""The bridge to keras.applications."""

import inspect
import sys

import keras
import numpy as np
import pytest

from semreg_tf.data import image_ops
from semreg_tf.models import keras_applications as bridge

FUNCTIONS = [f for _, f in inspect.getmembers(keras.applications, inspect.isfunction)]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("resnet50", "ResNet50"),
        ("mobilenet_v2", "MobileNetV2"),
        ("EfficientNetB0", "EfficientNetB0"),
        ("inception_resnet_v2", "InceptionResNetV2"),
    ],
)
def test_finds_networks_by_name(name, function):
    assert bridge.find_application(name).__name__ == function


def test_unknown_names_find_nothing():
    assert bridge.find_application("resnet51") is None


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_preprocessing_equals_keras_own(function):
    image = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype("float32")
    theirs = sys.modules[function.__module__].preprocess_input(image.copy())
    ours = image_ops.normalise(image, bridge.preprocessing(function))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_input_sizes_are_of_real_networks():
    assert set(bridge.INPUT_SIZES) <= {f.__name__ for f in FUNCTIONS}
    assert bridge.input_size(keras.applications.Xception) == 299
    assert bridge.input_size(keras.applications.ResNet50) == 224


def test_a_failed_download_is_one_line(monkeypatch):
    def fail(*_, **__):
        raise Exception("URL fetch failure on somewhere: unreachable\nmore")

    module = sys.modules[keras.applications.MobileNetV2.__module__]
    monkeypatch.setattr(module.file_utils, "get_file", fail)
    with pytest.raises(ValueError, match="ImageNet weights of MobileNetV2; download") as info:
        bridge.Application(keras.applications.MobileNetV2).build(
            keras.Input((96, 96, 3)), weights="imagenet"
        )
    assert "\n" not in str(info.value) and "unreachable" in str(info.value)
