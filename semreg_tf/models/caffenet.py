"""CaffeNet (the Caffe reference network, Table 1) and AlexNet (m-RNN's encoder).

Both are the network of Krizhevsky et al. (2012) with grouped convolutions in place of two GPUs.
CaffeNet pools before it normalises; AlexNet normalises before it pools. Inputs are 227 x 227, BGR,
with the ImageNet mean subtracted.
"""

from functools import partial

import keras
import tensorflow as tf

# From the published prototxt (local_size, alpha, beta). Caffe divides alpha by the size.
LRN_SIZE, LRN_ALPHA, LRN_BETA = 5, 1e-4, 0.75


@keras.saving.register_keras_serializable("semreg_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, computed as one convolution per group.

    Weights and results are the same; on a CPU the gradient is six times as fast.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the convolution of inputs (batch, h, w, c), without the bias."""
        kernel = tf.convert_to_tensor(kernel)
        parts = zip(
            tf.split(inputs, self.groups, axis=-1),
            tf.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        padding = self.padding.upper()
        return tf.concat([tf.nn.conv2d(x, k, self.strides, padding) for x, k in parts], axis=-1)


@keras.saving.register_keras_serializable("semreg_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Caffe's LRN across channels: x / (1 + alpha / n * sum of n neighbours' squares) ** beta."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the normalised (batch, h, w, c) map.

        It is computed in float32 under every dtype policy: TensorFlow has no bfloat16 kernel, and
        the squares overflow float16.
        """
        normalised = tf.nn.local_response_normalization(
            tf.cast(inputs, tf.float32),
            depth_radius=LRN_SIZE // 2,
            bias=1.0,
            alpha=LRN_ALPHA / LRN_SIZE,
            beta=LRN_BETA,
        )
        return tf.cast(normalised, inputs.dtype)


def caffe_max_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Applies 3 x 3 max pooling of stride 2, with output sizes rounded up as in Caffe.

    For even sides the last window exceeds the edge by one row, as with TensorFlow's "same".
    """
    padding = "same" if x.shape[1] % 2 == 0 else "valid"
    return keras.layers.MaxPooling2D(3, 2, padding, name=name)(x)


def _conv(
    x: keras.KerasTensor, name: str, filters: int, kernel: int, groups: int = 1
) -> keras.KerasTensor:
    layer = keras.layers.Conv2D if groups == 1 else GroupedConv2D
    extra = {"strides": 4} if name == "conv1" else {"padding": "same"}
    return layer(filters, kernel, groups=groups, activation="relu", name=name, **extra)(x)


def build_caffenet(
    inputs: keras.KerasTensor,
    with_top: bool = True,
    width: float = 1.0,
    dropout: float = 0.0,
    *,
    pool_first: bool = True,
) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """Builds the Caffe reference network: conv, pool, LRN.

    Args:
      inputs: images, (batch, height, width, 3).
      with_top: whether fc6 and fc7 are built; their weights require one input size.
      width: factor of the numbers of filters and units, for small tests.
      dropout: dropout rate after fc6 and after fc7 in training; 0: no dropout layers are built.
      pool_first: False for AlexNet, which normalises before it pools.

    Returns:
      The map conv5, (batch, 13, 13, 256) for inputs of 227 x 227, and fc7 after its ReLU,
      (batch, 4096), or None without the top.
    """

    def pool_and_normalise(x: keras.KerasTensor, index: int) -> keras.KerasTensor:
        normalise = LocalResponseNormalization(name=f"norm{index}")
        if pool_first:
            return normalise(caffe_max_pool(x, f"pool{index}"))
        return caffe_max_pool(normalise(x), f"pool{index}")

    def scaled(units: int) -> int:
        return max(2, int(units * width) // 2 * 2)

    x = pool_and_normalise(_conv(inputs, "conv1", scaled(96), 11), 1)
    x = pool_and_normalise(_conv(x, "conv2", scaled(256), 5, groups=2), 2)
    x = _conv(x, "conv3", scaled(384), 3)
    x = _conv(x, "conv4", scaled(384), 3, groups=2)
    spatial = _conv(x, "conv5", scaled(256), 3, groups=2)
    if not with_top:
        return spatial, None
    x = keras.layers.Flatten(name="flatten")(caffe_max_pool(spatial, "pool5"))
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(scaled(4096), activation="relu", name=name)(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return spatial, x


build_alexnet = partial(build_caffenet, pool_first=False)
