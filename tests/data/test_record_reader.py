import os
import re

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data.image_batches import image_batches
from semreg_tf.data.record_errors import DamagedRecordError, plain_record_errors
from semreg_tf.data.record_reader import RecordReader

# Of a record around its data: length and checksum before, checksum after.
FRAME_BYTES = 16


def write_shard(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@pytest.fixture
def shards(tmp_path):
    """Three shards, one of them empty, and their seven records."""
    generator = np.random.default_rng(0)
    records = [generator.bytes(size) for size in (5, 0, 300, 1, 70_000, 8, 2)]
    parts = [records[:3], [], records[3:]]
    paths = [write_shard(tmp_path / f"part-{i}", part) for i, part in enumerate(parts)]
    return paths, [3, 0, 4], records


def test_any_rows_in_any_order(shards):
    paths, lengths, records = shards
    reader = RecordReader(paths, lengths)
    assert len(reader) == 7
    for rows in ([0, 1, 2, 3, 4, 5, 6], [6, 0, 4, 4], [1], []):
        found = reader.read(np.array(rows, np.int64))
        assert found.dtype == object
        assert found.tolist() == [records[row] for row in rows]


def test_order_is_that_of_tensorflow_through_the_files(shards):
    paths, lengths, _ = shards
    expected = list(tf.data.TFRecordDataset(paths).as_numpy_iterator())
    assert RecordReader(paths, lengths).read(np.arange(7)).tolist() == expected


def test_a_shard_cut_anywhere_is_noticed(tmp_path):
    """Cut between records it holds too few, cut inside one it is cut short."""
    path = tmp_path / "part"
    write_shard(path, [b"abc", b"", b"defg"])
    whole = path.read_bytes()
    ends = np.cumsum([0, FRAME_BYTES + 3, FRAME_BYTES, FRAME_BYTES + 4])
    assert ends[-1] == len(whole)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size in ends:
            records = ends.tolist().index(size)
            message = (
                f"`{path}` must hold 3 records: prepare the data again. Received: {records} records"
            )
        else:
            start = ends[ends < size].max()
            message = f"`{path}` is cut short at byte {size}: prepare the data again. Received: a"
            assert re.search(rf"at byte {start}$", error_of(path))
        assert error_of(path).startswith(message)


def error_of(path):
    with pytest.raises(ValueError, match="prepare the data again") as caught:
        RecordReader([str(path)], [3])
    return str(caught.value)


def test_another_number_of_records_is_refused(shards):
    paths, _, _ = shards
    with pytest.raises(ValueError, match=r"part-2` must hold 5 records.*Received: 4 records"):
        RecordReader(paths, [3, 0, 5])
    with pytest.raises(ValueError, match=r"part-0` must hold 2 records.*Received: 3 records"):
        RecordReader(paths, [2, 0, 4])


def test_a_missing_shard_is_named(shards, tmp_path):
    missing = str(tmp_path / "part-7")
    message = f"`{missing}` is missing: prepare the data again. Received: {missing!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        RecordReader([shards[0][0], missing], [3, 1])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")
def test_files_are_closed_with_the_reader(shards):
    def open_files():
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    reader = RecordReader(*shards[:2])
    assert open_files() == before + 3
    del reader
    with pytest.raises(ValueError, match="records"):
        RecordReader(shards[0], [3, 0, 5])
    assert open_files() == before


def write_images(path, image_ids):
    def feature(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    records = []
    for image_id in image_ids:
        values = {"image": b"jpeg" * 50, "image_id": image_id.encode()}
        values = {name: feature(value) for name, value in values.items()}
        example = tf.train.Example(features=tf.train.Features(feature=values))
        records.append(example.SerializeToString())
    return write_shard(path, records)


def test_every_flipped_bit_of_a_shard_is_named_with_shard_and_row(tmp_path):
    """Also in the checksums themselves; nothing of a record is out of their reach."""
    path = tmp_path / "part"
    write_shard(path, [b"abc", b"defg"])
    whole, second = path.read_bytes(), FRAME_BYTES + 3
    for place in range(len(whole)):
        for bit in range(8):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(DamagedRecordError, match=f"`{path}` is damaged") as told:
                RecordReader([str(path)], [2], split="test").read(np.arange(2))
            row = int(place >= second)
            header = place - row * second < 12
            assert str(told.value).endswith(f"row {row} of {'this file' if header else 'test'}")


def test_a_shard_cut_short_after_it_was_opened_is_named(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [b"abc", b"defg"])
    reader = RecordReader([str(path)], [2])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DamagedRecordError, match="row 1 of the shards"):
        reader.read(np.array([1]))


@pytest.mark.parametrize("image_id", ["", "a", "é" * 40, "x" * 127, "x" * 128, "x" * 20_000])
def test_records_are_of_the_images_that_the_annotations_say(tmp_path, image_id):
    path = write_images(tmp_path / "part", ["first", image_id, "last"])
    reader = RecordReader([path], [3], 1, [image_id, "last"], "train[1:]")
    assert len(reader.read(np.arange(2))) == 2
    reader = RecordReader([path], [3], 1, [f"{image_id}2", "last"], "train[1:]")
    message = f"row 1 of train is image {image_id!r} in {path!r} and '{image_id}2' in its annot"
    with pytest.raises(DamagedRecordError, match=re.escape(message)):
        reader.read(np.arange(2))


def test_a_record_without_an_image_id_is_of_no_image(tmp_path):
    path = write_shard(tmp_path / "part", [tf.train.Example().SerializeToString(), b"no example"])
    reader = RecordReader([path], [2], image_ids=["a", "b"])
    for row, message in ((0, "is image None"), (1, "records of tf.train.Example")):
        with pytest.raises(DamagedRecordError, match=message):
            reader.read(np.array([row]))


def test_a_pipeline_tells_it_in_one_line(tmp_path):
    path = write_images(tmp_path / "part", ["a", "b"])
    reader = RecordReader([path], [2], image_ids=["a", "c"], split="test")
    rows = tf.data.Dataset.from_tensor_slices([0, 1]).batch(2)
    pictures = image_batches(reader, rows, lambda x: tf.strings.length(x), 2)
    with (
        pytest.raises(DamagedRecordError, match=r"^`data_dir` must .* annotation\.?$") as told,
        plain_record_errors(),
    ):
        list(pictures)
    assert "\n" not in str(told.value)
    with pytest.raises(tf.errors.NotFoundError), plain_record_errors():
        tf.io.read_file(str(tmp_path / "nothing"))
