"""EfficientNet-Lite 0 to 4: EfficientNet (Tan and Le 2019) without squeeze-and-excite.

The networks, published for small devices, use ReLU6 in place of swish, and have a stem of 32 and a
head of 1,280 filters at every scale. Layer names give the position: `block0_depthwise_norm`.
"""

import math
from dataclasses import dataclass

import keras

STEM_FILTERS, HEAD_FILTERS = 32, 1280
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Scale:
    """Scaling of a network relative to Lite0.

    Attributes:
      width: factor of the blocks' filters.
      depth: factor of the repetitions, in all groups except the first and the last.
      size: side of the published square input in pixels.
    """

    width: float
    depth: float
    size: int


SCALES = {
    "efficientnet_lite0": Scale(1.0, 1.0, 224),
    "efficientnet_lite1": Scale(1.0, 1.1, 240),
    "efficientnet_lite2": Scale(1.1, 1.2, 260),
    "efficientnet_lite3": Scale(1.2, 1.4, 280),
    "efficientnet_lite4": Scale(1.4, 1.8, 300),
}


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: 1 x 1 expansion, depthwise convolution, linear 1 x 1 projection."""

    kernel: int
    stride: int
    expansion: int
    filters: int


# (repetitions at Lite0, block) of each group; only the first block of a group has the stride.
_GROUPS = (
    (1, Block(3, 1, 1, 16)),
    (2, Block(3, 2, 6, 24)),
    (2, Block(5, 2, 6, 40)),
    (3, Block(3, 2, 6, 80)),
    (3, Block(5, 1, 6, 112)),
    (4, Block(5, 2, 6, 192)),
    (1, Block(3, 1, 6, 320)),
)


def scaled_filters(filters: int, width: float) -> int:
    """Returns `filters` times `width`, rounded to a multiple of 8 that is at most 10 % lower."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def blocks(scale: Scale) -> list[Block]:
    """Returns the blocks of a network in order."""
    expanded = []
    for index, (repeats, block) in enumerate(_GROUPS):
        if 0 < index < len(_GROUPS) - 1:
            repeats = math.ceil(repeats * scale.depth)
        filters = scaled_filters(block.filters, scale.width)
        strides = [block.stride] + [1] * (repeats - 1)
        expanded += [Block(block.kernel, s, block.expansion, filters) for s in strides]
    return expanded


def _norm(x: keras.KerasTensor, name: str, relu: bool = True) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_norm")(x)
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x) if relu else x


def _conv(
    x: keras.KerasTensor, name: str, filters: int, kernel: int = 1, stride: int = 1
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)


def _bottleneck(inputs: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
    x, channels = inputs, inputs.shape[-1]
    if block.expansion != 1:
        expanded = _conv(x, f"{name}_expand", channels * block.expansion)
        x = _norm(expanded, f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _norm(x, f"{name}_depthwise")
    x = _norm(_conv(x, f"{name}_project", block.filters), f"{name}_project", relu=False)
    if block.stride == 1 and channels == block.filters:
        return keras.layers.Add(name=f"{name}_add")([x, inputs])
    return x


def build_efficientnet_lite(
    inputs: keras.KerasTensor, with_top: bool = False, *, scale: Scale
) -> tuple[keras.KerasTensor, None]:
    """Builds EfficientNet-Lite up to the map that its ImageNet classifier averages.

    The stochastic depth of its published training is left out (ours).

    Args:
      inputs: images, (batch, height, width, 3), normalised as (x - 127) / 128 from [0, 255], RGB.
      with_top: unused: there are no fully connected layers before the classifier.
      scale: an entry of `SCALES`.

    Returns:
      The map, (batch, height / 32, width / 32, 1280) with sides rounded up, and None.
    """
    del with_top
    x = _norm(_conv(inputs, "stem", STEM_FILTERS, kernel=3, stride=2), "stem")
    for index, block in enumerate(blocks(scale)):
        x = _bottleneck(x, block, f"block{index}")
    return _norm(_conv(x, "head", HEAD_FILTERS), "head"), None
