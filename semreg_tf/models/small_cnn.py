"""A small strided CNN for the demo, which trains from scratch on a CPU in minutes."""

import keras

# The last convolution has stride 1, so that the map, an eighth of the side, shows small objects.
FILTERS_AND_STRIDES = ((24, 2), (48, 2), (96, 2), (128, 1))
# With Keras's 0.99, a third of the initial statistics would remain after 100 steps.
BATCH_NORM_MOMENTUM = 0.9


def build_small_cnn(
    inputs: keras.KerasTensor, with_top: bool = False
) -> tuple[keras.KerasTensor, None]:
    """Builds four 3 x 3 convolutions, each with batch normalisation and ReLU (ours).

    Args:
      inputs: images in [-1, 1], (batch, height, width, 3).
      with_top: unused: there are no fully connected layers.

    Returns:
      The last map, (batch, height / 8, width / 8, 128) with sides rounded up, and None.
    """
    del with_top
    x = inputs
    for index, (filters, stride) in enumerate(FILTERS_AND_STRIDES, start=1):
        x = keras.layers.Conv2D(
            filters, 3, stride, padding="same", use_bias=False, name=f"conv{index}"
        )(x)
        x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"norm{index}")(x)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
    return x, None
