"""Prepared sets of before, with orientation tags inside, are told; newer ones are not opened."""

import logging
from types import SimpleNamespace

import pytest
import tensorflow as tf

from semreg_tf.data.stored_orientation import UPRIGHT_KEY, warn_of_sideways
from tests.picture_samples import SAMPLES, TURNED


@pytest.fixture
def prepared(tmp_path):
    def make(pictures, metadata=None):
        path = str(tmp_path / "train.tfrecord")
        with tf.io.TFRecordWriter(path) as writer:
            for picture in pictures:
                value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture]))
                features = tf.train.Features(feature={"image": value})
                writer.write(tf.train.Example(features=features).SerializeToString())
        split = SimpleNamespace(filepaths=[path], shard_lengths=[len(pictures)])
        return SimpleNamespace(full_name="old/1.0.0", metadata=metadata, splits={"train": split})

    return make


def warnings_of(caplog, info):
    with caplog.at_level(logging.WARNING, "semreg_tf"):
        warn_of_sideways(info, "train")
    return [record.getMessage() for record in caplog.records]


def test_turned_pictures_of_an_older_set_are_told(prepared, caplog):
    plain, turned = SAMPLES["JPEG"][0], TURNED["JPEG 6"]
    (message,) = warnings_of(caplog, prepared([plain, turned, turned, b"damaged"]))
    assert message.startswith("old/1.0.0 was prepared before pictures were stored upright: 2 of 4")


def test_an_older_set_of_upright_pictures_is_not_told(prepared, caplog):
    assert not warnings_of(caplog, prepared([SAMPLES["JPEG"][0]] * 300, {"notes": {}}))


def test_a_set_whose_preparation_turned_pictures_is_not_opened(prepared, caplog):
    info = prepared([TURNED["JPEG 6"]], {UPRIGHT_KEY: True})
    info.splits = None
    assert not warnings_of(caplog, info)
