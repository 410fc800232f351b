"""Reader of the pictures of selected records from the shards of a prepared data set."""

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
    """Returns random images with their annotations, in the order of the records.

    Returns:
      Pairs of JPEG bytes and annotation, `number` of them or all if the split has fewer.

    Raises:
      ValueError: the split is unknown, a shard is damaged, or a record and its annotation are of
        different images.
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
    """Returns the images of some rows of a split, after a check against all its annotations.

    Returns:
      Pairs of JPEG bytes and annotation, in the order of `rows`.

    Raises:
      ValueError: a shard is damaged, or a record and its annotation are of different images.
    """
    info = builder.info.splits[split]
    image_ids = [annotation.image_id for annotation in annotations]
    paths = [os.fspath(path) for path in info.filepaths]
    reader = RecordReader(paths, info.shard_lengths, 0, image_ids, split)
    features = {"image": tf.io.FixedLenFeature([], tf.string)}
    images = []
    for row, record in zip(rows, reader.read(np.asarray(rows, np.int64)), strict=True):
        values = tf.io.parse_single_example(record, features)
        images.append((values["image"].numpy(), annotations[row]))
    return images
