"""Pictures of chosen records, decoded one by one on all cores and batched."""

import os
from collections.abc import Callable

import tensorflow as tf

from semreg_tf.data.record_reader import RecordReader

# Pictures decoded at the same time, each on its own thread.
PARALLEL_IMAGES = max(2, os.cpu_count() or 2)
# Batches whose records are read before they are decoded.
_READ_AHEAD = 2


def image_batches(
    reader: RecordReader,
    rows: tf.data.Dataset,
    decode: Callable[..., tf.Tensor],
    batch_size: int,
) -> tf.data.Dataset:
    """Returns batches of pictures, in the order of their rows.

    Args:
      reader: of the records, whose `image` is the picture's file.
      rows: tuples of tensors of equal length: the rows to read, int64, and whatever is `decode`'s
        for each.
      decode: from the bytes of a picture, and its own of the further tensors, to its pixels; all
        of one shape.
      batch_size: pictures a batch, whatever the lengths in `rows`; the last may be smaller.

    Returns:
      A dataset of (batch, height, width, 3).
    """

    def read(rows: tf.Tensor, *beside: tf.Tensor) -> tuple[tf.Tensor, ...]:
        records = tf.numpy_function(reader.read, (rows,), tf.string, stateful=False)
        records.set_shape((None,))
        feature = {"image": tf.io.FixedLenFeature((), tf.string)}
        return tf.io.parse_example(records, feature)["image"], *beside

    encoded = rows.map(read).prefetch(_READ_AHEAD).unbatch()
    return encoded.map(decode, PARALLEL_IMAGES, deterministic=True).batch(batch_size)
