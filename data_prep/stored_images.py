"""Pictures of chosen records, read from the shards of a prepared data set."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.record_reader import RecordReader


def sample_images(
    builder: tfds.core.DatasetBuilder, split: str, number: int, seed: int
) -> list[tuple[bytes, Annotation]]:
    """Returns images drawn by chance with their annotations, in the order of the records.

    Args:
      builder: a prepared builder on local disk.
      split: the split.
      number: how many; all where there are fewer.
      seed: of the draw.

    Returns:
      The bytes of each JPEG file, and its annotation.

    Raises:
      ValueError: the split is unknown, a shard is damaged, or a record is not the image that the
        annotations say.
    """
    annotations = read_annotations(builder.data_dir, split)
    chosen = np.random.default_rng(seed).permutation(len(annotations))[:number]
    return read_images_of(builder, split, annotations, sorted(chosen.tolist()))


def read_images_of(
    builder: tfds.core.DatasetBuilder,
    split: str,
    annotations: Sequence[Annotation],
    rows: Sequence[int],
) -> list[tuple[bytes, Annotation]]:
    """Returns the images of some rows of a split, held against their annotations.

    Raises:
      ValueError: a shard is damaged, or a record is another image than the annotations say.
    """
    info = builder.info.splits[split]
    reader = RecordReader([os.fspath(path) for path in info.filepaths], info.shard_lengths)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "image_id")}
    images = []
    for row, record in zip(rows, reader.read(np.asarray(rows, np.int64)), strict=True):
        values = tf.io.parse_single_example(record, features)
        image_id = values["image_id"].numpy().decode()
        if image_id != annotations[row].image_id:
            raise ValueError(
                "`annotations` must be of these shards: delete the folder annotations/ and run "
                f"the prepare command again. Received: image {image_id!r} in row {row} of "
                f"{split!r}, annotations of {annotations[row].image_id!r}"
            )
        images.append((values["image"].numpy(), annotations[row]))
    return images
