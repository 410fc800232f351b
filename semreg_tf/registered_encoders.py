"""CNNs that a user's own code adds, kept without importing TensorFlow."""

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
    """Makes a CNN known by a name, for `encoder.name` of a config and for `--encoder`.

    A command finds it where `--import=MODULE` names the module that registers it.

    Args:
      name: one that no encoder of this package and no network of keras.applications has.
      build: (images, with_top) -> (map, fc7): from a Keras tensor (batch, size, size, 3) to the
        last map before pooling, (batch, height, width, channels), and None; where
        `native_features` is "fc7" and `with_top` is true, the features (batch, d) in its place.
      default_size: the side of its square input in pixels.
      preprocessing: how pixels are normalised: a mode of `semreg_tf.data.image_ops.normalise`.
      native_features: what `encoder.pooling="native"` means: "fc7", "average" or "average_max".

    Raises:
      ValueError: the name is taken by another registered encoder.
      TypeError: `build` cannot be called.

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
