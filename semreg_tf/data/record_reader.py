"""Random access to TFRecord shards: any record by its row, so that a shuffle is a permutation."""

import os
import struct
from collections.abc import Sequence

import numpy as np

_LENGTH = struct.Struct("<Q")
# A record: length (8 bytes), its checksum (4), the data, the data's checksum (4).
_HEADER, _FOOTER = 12, 4


class RecordReader:
    """Reads records of local TFRecord files by row, rows counted through the files in order.

    The constructor walks the lengths alone, a few microseconds a record, and so notices a shard
    that was cut short.

    Args:
      paths: the shards, in order.
      lengths: records that each shard must hold.
      first: the record that is row 0.

    Raises:
      ValueError: a shard is missing, cut short, or holds another number of records.
    """

    def __init__(self, paths: Sequence[str], lengths: Sequence[int], first: int = 0) -> None:
        self._files = []
        shards, offsets, sizes = [], [], []
        for shard, (path, expected) in enumerate(zip(paths, lengths, strict=True)):
            own = _walk(path)
            if len(own) != expected:
                raise ValueError(
                    f"`{path}` must hold {expected} records: prepare the data again. "
                    f"Received: {len(own)} records"
                )
            self._files.append(os.open(path, os.O_RDONLY))
            shards += [shard] * len(own)
            offsets += [offset for offset, _ in own]
            sizes += [size for _, size in own]
        self._shards = np.asarray(shards[first:], np.int64)
        self._offsets = np.asarray(offsets[first:], np.int64)
        self._sizes = np.asarray(sizes[first:], np.int64)

    def __len__(self) -> int:
        return len(self._shards)

    def __del__(self) -> None:
        for file in getattr(self, "_files", ()):
            os.close(file)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Returns the serialized records of `rows`, an object array of bytes."""
        records = np.empty(len(rows), object)
        for i, row in enumerate(rows):
            file = self._files[self._shards[row]]
            records[i] = os.pread(file, int(self._sizes[row]), int(self._offsets[row]))
        return records


def _walk(path: str) -> list[tuple[int, int]]:
    """Returns (offset, size) of every record of a file."""
    if not os.path.exists(path):
        raise ValueError(f"`{path}` is not there: prepare the data again. Received: {path!r}")
    end, position, found = os.path.getsize(path), 0, []
    with open(path, "rb") as file:
        while position < end:
            file.seek(position)
            header = file.read(_HEADER)
            size = _LENGTH.unpack_from(header)[0] if len(header) == _HEADER else end
            if position + _HEADER + size + _FOOTER > end:
                raise ValueError(
                    f"`{path}` is cut short at byte {end}: prepare the data again. "
                    f"Received: a record of {size} bytes at byte {position}"
                )
            found.append((position + _HEADER, size))
            position += _HEADER + size + _FOOTER
    return found
