"""Batches of pictures: by their rows, in order, with what is beside them."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data.image_batches import image_batches
from semreg_tf.data.record_reader import RecordReader


@pytest.fixture
def reader(tmp_path):
    """Seven records in two shards, whose image is its row as text."""
    paths = []
    for shard, rows in enumerate((range(4), range(4, 7))):
        paths.append(str(tmp_path / f"{shard}.tfrecord"))
        with tf.io.TFRecordWriter(paths[-1]) as writer:
            for row in rows:
                value = tf.train.BytesList(value=[str(row).encode()])
                feature = {"image": tf.train.Feature(bytes_list=value)}
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
    return RecordReader(paths, (4, 3))


def decode(encoded, *beside):
    return tf.stack([tf.strings.to_number(encoded), *beside])


def test_pictures_come_in_the_order_of_their_rows_in_batches_of_that_size(reader):
    rows = tf.data.Dataset.from_tensor_slices(np.array([6, 0, 3, 3, 1, 5, 2, 4])).batch(3)
    made = [x.numpy()[:, 0].tolist() for x in image_batches(reader, rows, decode, 3)]
    assert made == [[6, 0, 3], [3, 1, 5], [2, 4]]
    made = [x.numpy()[:, 0].tolist() for x in image_batches(reader, rows, decode, 5)]
    assert made == [[6, 0, 3, 3, 1], [5, 2, 4]]


def test_each_picture_has_its_own_of_what_is_beside(reader):
    rows = np.array([5, 2, 0, 6])
    dataset = tf.data.Dataset.from_tensor_slices((rows, np.float32(rows) + 0.5)).batch(2)
    made = np.concatenate(list(image_batches(reader, dataset, decode, 2)))
    np.testing.assert_array_equal(made, np.stack([rows, rows + 0.5], 1))
