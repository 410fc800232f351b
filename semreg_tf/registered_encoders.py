"""The registry of users' own encoders; it does not import TensorFlow."""

from collections.abc import Callable
from typing import Any

REGISTERED: dict[str, dict[str, Any]] = {}


def register_encoder(
    name: str,
    build: Callable[..., Any],
    *,
    default_size: int,
    preprocessing: str = "inception",
    native_features: str = "average",
) -> None:
    """Registers a CNN under a name, for `encoder.name` of a config and for `--encoder`.

    Commands find it with `--import=MODULE`, where MODULE is the module that registers it.

    Args:
      name: a name that no encoder of this package and no network of keras.applications has.
      build: (images, with_top) -> (map, top). The images are a Keras tensor (batch, size, size, 3)
        and the map is the last one before pooling, (batch, height, width, channels). The top is
        None, or with `native_features="fc7"` and `with_top=True` the features (batch, d).
      default_size: side of the square input in pixels.
      preprocessing: the normalisation of pixels, a mode of `semreg_tf.data.image_ops.normalise`.
      native_features: the meaning of `encoder.pooling="native"`: "fc7", "average" or "average_max".

    Raises:
      ValueError: another encoder is registered under the name.
      TypeError: `build` is not callable.

    Example:
      >>> def tiny(images, with_top):
      ...     return keras.layers.Conv2D(16, 5, strides=4, activation="relu")(images), None
      >>> semreg_tf.register_encoder("tiny", tiny, default_size=64)
    """
    if not callable(build):
        raise TypeError(f"`build` must be a function. Received: build={build!r}")
    if name in REGISTERED and REGISTERED[name]["build"] is not build:
        raise ValueError(f"`name` must not be registered already. Received: name={name!r}")
    REGISTERED[name] = {
        "build": build,
        "default_size": default_size,
        "preprocessing": preprocessing,
        "native_features": native_features,
    }
