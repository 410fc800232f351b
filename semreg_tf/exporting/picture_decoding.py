"""Decoding of a batch of picture files inside the graph, where only damaged files fail."""

from collections.abc import Callable

import tensorflow as tf


def decode_each(
    images: tf.Tensor, decode: Callable[[tf.Tensor], tf.Tensor], shape: tuple[int, ...]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of pictures; those that cannot be decoded are zeros and marked as invalid.

    TensorFlow's decoding ops fail for the whole batch. A data set inside the graph that ignores
    errors drops only the damaged pictures; the others are scattered back to their rows.

    Args:
      images: encoded pictures, (batch,) strings.
      decode: function from a scalar string to float32 pixels of `shape`.
      shape: shape of a decoded picture.

    Returns:
      Pixels (batch, *shape) float32, and whether each picture was decoded, (batch,) bool.
    """
    rows = tf.size(images, out_type=tf.int64)
    decoded = (
        tf.data.Dataset.from_tensor_slices(images)
        .enumerate()
        .map(lambda row, x: (row, decode(x)), tf.data.AUTOTUNE, deterministic=False)
        .ignore_errors(log_warning=False)
    )
    # An additional row, so that the data set is not empty if all pictures are damaged.
    spare = tf.data.Dataset.from_tensors((rows, tf.zeros(shape)))
    options = tf.data.Options()
    # The autotuning thread would outlive a call, which takes milliseconds.
    options.autotune.enabled = False
    whole = decoded.concatenate(spare).batch(rows + 1).with_options(options)
    places, pixels = whole.get_single_element()
    places = places[:, None]
    size = tf.concat([[rows + 1], tf.constant(shape, tf.int64)], 0)
    scattered = tf.scatter_nd(places, pixels, size)[:-1]
    valid = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [rows + 1])[:-1] > 0
    return tf.ensure_shape(scattered, (None, *shape)), valid
