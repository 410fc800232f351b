import os
import re

import numpy as np
import pytest
import tensorflow as tf

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
    message = f"`{missing}` is not there: prepare the data again. Received: {missing!r}"
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
