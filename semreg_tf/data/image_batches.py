"""Batches of images from chosen records, decoded on all cores."""

import os
from collections.abc import Callable

import tensorflow as tf

from semreg_tf.data.record_reader import RecordReader

# Number of images that are decoded in parallel.
PARALLEL_IMAGES = max(2, os.cpu_count() or 2)
# Number of batches whose records are read ahead of decoding.
_READ_AHEAD = 2


def image_batches(
    reader: RecordReader,
    rows: tf.data.Dataset,
    decode: Callable[..., tf.Tensor],
    batch_size: int,
) -> tf.data.Dataset:
    """Returns batches of images, in the order of their rows.

    Args:
      reader: the reader of records whose `image` is an image file.
      rows: tensors, or tuples of tensors of equal length: the rows to read, int64, and further
        arguments of `decode`.
      decode: (bytes of an image file, further arguments) -> pixels, always of the same shape.
      batch_size: images per batch, independent of the lengths in `rows`; the last batch may be
        smaller.

    Returns:
      A dataset of (batch, height, width, 3).
    """

    def read(rows: tf.Tensor, *arguments: tf.Tensor) -> tuple[tf.Tensor, ...]:
        records = tf.numpy_function(reader.read, (rows,), tf.string, stateful=False)
        records.set_shape((None,))
        feature = {"image": tf.io.FixedLenFeature((), tf.string)}
        return tf.io.parse_example(records, feature)["image"], *arguments

    encoded = rows.map(read).prefetch(_READ_AHEAD).unbatch()
    return encoded.map(decode, PARALLEL_IMAGES, deterministic=True).batch(batch_size)
