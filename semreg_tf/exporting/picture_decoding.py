"""A batch of picture files into pixels inside the graph, where a bad file fails alone."""

from collections.abc import Callable

import tensorflow as tf


def decode_each(
    images: tf.Tensor, decode: Callable[[tf.Tensor], tf.Tensor], shape: tuple[int, ...]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of pictures; one that cannot be decoded becomes zeros and is flagged.

    TensorFlow's decoding ops raise for the whole call. A data set inside the graph whose errors
    are ignored loses the bad element alone; the others return to their rows.

    Args:
      images: encoded pictures, (batch,) strings.
      decode: from a scalar string to float32 of `shape`.
      shape: of one decoded picture.

    Returns:
      Pixels (batch, *shape) float32, and which pictures were decoded, (batch,) bool.
    """
    rows = tf.size(images, out_type=tf.int64)
    decoded = (
        tf.data.Dataset.from_tensor_slices(images)
        .enumerate()
        .map(lambda row, x: (row, decode(x)), tf.data.AUTOTUNE, deterministic=False)
        .ignore_errors(log_warning=False)
    )
    # One row more than there are pictures, so that a batch of bad ones alone is no empty set.
    spare = tf.data.Dataset.from_tensors((rows, tf.zeros(shape)))
    options = tf.data.Options()
    # Its thread would outlive the few milliseconds of a call; one map a thread is enough.
    options.autotune.enabled = False
    whole = decoded.concatenate(spare).batch(rows + 1).with_options(options)
    places, pixels = whole.get_single_element()
    places = places[:, None]
    size = tf.concat([[rows + 1], tf.constant(shape, tf.int64)], 0)
    made = tf.scatter_nd(places, pixels, size)[:-1]
    valid = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [rows + 1])[:-1] > 0
    return tf.ensure_shape(made, (None, *shape)), valid
