"""SqueezeNet v1.1 (Iandola et al. 2016): AlexNet's accuracy with 722,496 parameters."""

import keras

from semreg_tf.models.caffenet import caffe_max_pool

# Filters of squeeze1x1 and of each expand convolution.
FIRE_MODULES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
POOL_AFTER = {"fire3": "pool3", "fire5": "pool5"}


def fire_module(x: keras.KerasTensor, name: str, squeeze: int, expand: int) -> keras.KerasTensor:
    """Returns the expand1x1 and expand3x3 of squeeze1x1 concatenated, (batch, h, w, 2 * expand)."""

    def conv(x: keras.KerasTensor, part: str, filters: int, kernel: int) -> keras.KerasTensor:
        return keras.layers.Conv2D(
            filters, kernel, padding="same", activation="relu", name=f"{name}_{part}"
        )(x)

    x = conv(x, "squeeze1x1", squeeze, 1)
    parts = [conv(x, "expand1x1", expand, 1), conv(x, "expand3x3", expand, 3)]
    return keras.layers.Concatenate(name=f"{name}_concat")(parts)


def build_squeezenet_v1_1(
    inputs: keras.KerasTensor, with_top: bool = False
) -> tuple[keras.KerasTensor, None]:
    """Builds SqueezeNet v1.1 up to fire9, the last module before its ImageNet classifier.

    Args:
      inputs: images, (batch, height, width, 3), BGR with the ImageNet mean subtracted.
      with_top: unused: there are no fully connected layers.

    Returns:
      The map fire9, (batch, 14, 14, 512) for inputs of 227 x 227, and None.
    """
    del with_top
    x = keras.layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(inputs)
    x = caffe_max_pool(x, "pool1")
    for name, (squeeze, expand) in FIRE_MODULES.items():
        x = fire_module(x, name, squeeze, expand)
        if name in POOL_AFTER:
            x = caffe_max_pool(x, POOL_AFTER[name])
    return x, None
