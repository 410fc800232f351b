"""Random access to the records of TFRecord shards by row."""

import os
import struct
from collections.abc import Callable, Sequence

import google_crc32c
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from semreg_tf.data.record_errors import DamagedRecordError

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
# A record: length (8 bytes), its checksum (4), the data, the data's checksum (4).
_HEADER, _FOOTER = 12, 4
# TFRecord stores CRC-32C rotated and shifted by a constant.
_MASK_DELTA = 0xA282EAD8


class RecordReader:
    """Reads records of local TFRecord files by row; rows are numbered through all files.

    Both checksums of a record are verified: that of the length when the files are opened, in a few
    microseconds per record, and that of the data at each read.

    Args:
      paths: the shards, in order.
      lengths: the expected number of records in each shard.
      first: the record that is row 0.
      image_ids: the expected `image_id` of each row's record; None: not compared.
      split: the split's name in messages.

    Raises:
      DamagedRecordError: a shard is missing, truncated or damaged, or holds another number of
        records.
    """

    def __init__(
        self,
        paths: Sequence[str],
        lengths: Sequence[int],
        first: int = 0,
        image_ids: Sequence[str] | None = None,
        split: str = "",
    ) -> None:
        self._files: list[int] = []
        self._paths, self._first = tuple(paths), first
        self._image_ids, self._split = image_ids, split
        shards, offsets, sizes = [], [], []
        for shard, (path, expected) in enumerate(zip(paths, lengths, strict=True)):
            records = _find_records(path)
            if len(records) != expected:
                raise DamagedRecordError(
                    f"`{path}` must hold {expected} records: prepare the data again. "
                    f"Received: {len(records)} records"
                )
            self._files.append(os.open(path, os.O_RDONLY))
            shards += [shard] * len(records)
            offsets += [offset for offset, _ in records]
            sizes += [size for _, size in records]
        self._shards = np.asarray(shards[first:], np.int64)
        self._offsets = np.asarray(offsets[first:], np.int64)
        self._sizes = np.asarray(sizes[first:], np.int64)

    def __len__(self) -> int:
        return len(self._shards)

    # `close` is bound early: at interpreter exit, `os` may be deleted before the reader.
    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        for file in getattr(self, "_files", ()):
            close(file)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Returns the serialized records of `rows`, an object array of bytes.

        Raises:
          DamagedRecordError: a record does not match its checksum or belongs to another image; the
            message names shard and row.
        """
        records = np.empty(len(rows), object)
        for i, row in enumerate(np.asarray(rows).tolist()):
            records[i] = self._read_one(row)
        return records

    def _read_one(self, row: int) -> bytes:
        size, offset = int(self._sizes[row]), int(self._offsets[row])
        block = os.pread(self._files[self._shards[row]], size + _FOOTER, offset)
        data = block[:size]
        if len(block) < size + _FOOTER or _masked_checksum(data) != _checksum_at(block, size):
            raise DamagedRecordError(
                f"`{self._path(row)}` is damaged: the record at byte {offset - _HEADER} does not "
                f"match its checksum. Prepare the data again. Received: {self._row_name(row)}"
            )
        if self._image_ids is not None:
            expected = self._image_ids[row]
            # The exact bytes of the field are searched first, because parsing copies the image.
            if data.rfind(_image_id_field(expected)) < 0 and _image_id(data) != expected:
                raise DamagedRecordError(
                    "`data_dir` must hold shards and annotations of the same images, and they "
                    "differ: prepare the data again in an empty folder. Received: "
                    f"{self._row_name(row)} is image {_image_id(data)!r} in {self._path(row)!r} "
                    f"and {expected!r} in its annotation"
                )
        return data

    def _path(self, row: int) -> str:
        return self._paths[self._shards[row]]

    def _row_name(self, row: int) -> str:
        return f"row {self._first + row} of {self._split.partition('[')[0] or 'the shards'}"


def _masked_checksum(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _checksum_at(block: bytes, position: int) -> int:
    return _CHECKSUM.unpack_from(block, position)[0]


def _image_id_field(image_id: str) -> bytes:
    """Returns the serialized form of the feature `image_id` in a `tf.train.Example`."""
    value = image_id.encode()
    for _ in range(3):
        # The value, the BytesList and the Feature are each wrapped in field 1.
        value = b"\n" + _varint(len(value)) + value
    return b"\n\x08image_id\x12" + value[1:]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _image_id(data: bytes) -> str | None:
    """Returns the `image_id` of a serialized record, or None if it has none."""
    try:
        values = tf.train.Example.FromString(data).features.feature["image_id"].bytes_list.value
    except DecodeError as error:
        raise DamagedRecordError(
            f"`data_dir` must hold records of tf.train.Example. Received: {error}"
        ) from error
    return values[0].decode("utf-8", "replace") if values else None


def _find_records(path: str) -> list[tuple[int, int]]:
    """Returns (offset, size) of every record of a file."""
    if not os.path.exists(path):
        raise DamagedRecordError(f"`{path}` is missing: prepare the data again. Received: {path!r}")
    end, position, records = os.path.getsize(path), 0, []
    with open(path, "rb") as file:
        while position < end:
            file.seek(position)
            header = file.read(_HEADER)
            whole = len(header) == _HEADER
            size = _LENGTH.unpack_from(header)[0] if whole else end
            if whole and _masked_checksum(header[:8]) != _checksum_at(header, 8):
                raise DamagedRecordError(
                    f"`{path}` is damaged: the length at byte {position} does not match its "
                    f"checksum. Prepare the data again. Received: row {len(records)} of this file"
                )
            if position + _HEADER + size + _FOOTER > end:
                raise DamagedRecordError(
                    f"`{path}` is cut short at byte {end}: prepare the data again. "
                    f"Received: a record of {size} bytes at byte {position}"
                )
            records.append((position + _HEADER, size))
            position += _HEADER + size + _FOOTER
    return records
