"""Networks of `keras.applications` as encoders."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

# Sides of published inputs that are not 224 pixels.
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
# The first channel of a black pixel after each preprocessing of Keras.
BLACK_PIXELS = {"raw": 0.0, "inception": -1.0, "torch": -0.485 / 0.229, "caffe": -103.939}


def find_application(name: str) -> Callable[..., keras.Model] | None:
    """Returns the function of `keras.applications` with this name, or None.

    Case and underscores are ignored: "resnet50", "mobilenet_v2", "EfficientNetB0".
    """
    name = name.lower().replace("_", "")
    functions = inspect.getmembers(keras.applications, inspect.isfunction)
    return next((function for key, function in functions if key.lower() == name), None)


def input_size(function: Callable[..., keras.Model]) -> int:
    """Returns the side of the network's published input in pixels."""
    return INPUT_SIZES.get(function.__name__, 224)


def preprocessing(function: Callable[..., keras.Model]) -> str:
    """Returns the mode of `image_ops.normalise` that equals the network's `preprocess_input`."""
    preprocess = sys.modules[function.__module__].preprocess_input
    black = float(np.asarray(preprocess(np.zeros((1, 1, 1, 3), "float32"))).flat[0])
    return min(BLACK_PIXELS, key=lambda mode: abs(BLACK_PIXELS[mode] - black))


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications` and the layers whose outputs are read.

    Attributes:
      function: the function of `keras.applications`.
      spatial_layer: the layer whose map is read; None: the last before the classifier.
      top_layer: the fully connected layer whose output is read.
    """

    function: Callable[..., keras.Model]
    spatial_layer: str | None = None
    top_layer: str | None = None

    def build(
        self,
        inputs: keras.KerasTensor,
        with_top: bool = False,
        *,
        weights: str | None = None,
        dropout: float = 0.0,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
        """Builds the network on `inputs`.

        Args:
          inputs: images, (batch, height, width, 3).
          with_top: whether `top_layer` is built.
          weights: "imagenet" to download them by Keras, None for random weights.
          dropout: dropout rate before and after `top_layer` in training; 0: no dropout layers.

        Returns:
          The map, (batch, height, width, channels), and the output of `top_layer` or None.

        Raises:
          ValueError: the download failed.
        """
        try:
            # Some of the functions do not take the shape from the tensor.
            network = self.function(
                include_top=with_top,
                weights=weights,
                input_tensor=inputs,
                input_shape=tuple(inputs.shape[1:]),
            )
        except Exception as error:
            if weights is None:
                raise
            raise ValueError(
                "`weights`: Keras could not fetch the ImageNet weights of "
                f"{self.function.__name__}; download them elsewhere and give their path. "
                f"Received: weights={weights!r} ({str(error).splitlines()[0]})"
            ) from error
        layer = self.spatial_layer
        spatial = network.get_layer(layer).output if layer else network.output
        if not with_top:
            return spatial, None
        top = network.get_layer(self.top_layer)
        if not dropout:
            return spatial, top.output
        dropped = keras.layers.Dropout(dropout, name="fc6_dropout")(top.input)
        return spatial, keras.layers.Dropout(dropout, name="fc7_dropout")(top(dropped))
