"""The bridge to `keras.applications`: any of its networks by its function's name."""

import inspect
import sys
from collections.abc import Callable

import keras
import numpy as np

# Published input sides other than 224.
INPUT_SIZES = {
    "InceptionV3": 299,
    "InceptionResNetV2": 299,
    "Xception": 299,
    "NASNetLarge": 331,
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
}
# What each preprocessing of Keras makes of a black pixel's first channel.
BLACK_PIXELS = {"raw": 0.0, "inception": -1.0, "torch": -0.485 / 0.229, "caffe": -103.939}


def find_application(name: str) -> Callable[..., keras.Model] | None:
    """Returns the function of `keras.applications` with this name, or None.

    Case and underscores do not matter: "resnet50", "mobilenet_v2", "EfficientNetB0".
    """
    wanted = name.lower().replace("_", "")
    for key, value in inspect.getmembers(keras.applications, inspect.isfunction):
        if key.lower() == wanted:
            return value
    return None


def input_size(function: Callable[..., keras.Model]) -> int:
    """Returns the side of the network's published input in pixels."""
    return INPUT_SIZES.get(function.__name__, 224)


def preprocessing(function: Callable[..., keras.Model]) -> str:
    """Returns the mode of `image_ops.normalise` that equals the network's `preprocess_input`."""
    preprocess = sys.modules[function.__module__].preprocess_input
    black = float(np.asarray(preprocess(np.zeros((1, 1, 1, 3), "float32"))).flat[0])
    return min(BLACK_PIXELS, key=lambda mode: abs(BLACK_PIXELS[mode] - black))


def build_application(
    inputs: keras.KerasTensor,
    with_top: bool = False,
    *,
    function: Callable[..., keras.Model],
    weights: str | None = None,
    spatial_layer: str | None = None,
    top_layer: str | None = None,
    dropout: float = 0.0,
) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """Builds a network of `keras.applications` on `inputs`.

    Args:
      inputs: images, (batch, height, width, 3).
      with_top: whether `top_layer` is built.
      function: the function of `keras.applications`.
      weights: "imagenet" for Keras's own download, None for random weights.
      spatial_layer: the layer whose map is returned; None: the last before the classifier.
      top_layer: the fully connected layer that is returned.
      dropout: before and after `top_layer`, in training; 0: there are no such layers.

    Returns:
      A map, (batch, height, width, channels), and the fully connected layer's output or None.

    Raises:
      ValueError: the download failed.
    """
    arguments = {
        "include_top": with_top,
        "weights": weights,
        "input_tensor": inputs,
        # Not taken from the tensor by all of them.
        "input_shape": tuple(inputs.shape[1:]),
    }
    try:
        network = function(**arguments)
    except Exception as error:
        if weights is None:
            raise
        raise ValueError(
            f"`weights`: Keras could not fetch the ImageNet weights of {function.__name__}; "
            f"download them elsewhere and give their path. Received: weights={weights!r} "
            f"({str(error).splitlines()[0]})"
        ) from error
    spatial = network.get_layer(spatial_layer).output if spatial_layer else network.output
    return spatial, _top(network.get_layer(top_layer), dropout) if with_top else None


def _top(layer: keras.layers.Layer, dropout: float) -> keras.KerasTensor:
    """Returns a fully connected layer's output; `dropout` is that of VGG's last two layers."""
    if not dropout:
        return layer.output
    dropped = keras.layers.Dropout(dropout, name="fc6_dropout")(layer.input)
    return keras.layers.Dropout(dropout, name="fc7_dropout")(layer(dropped))
