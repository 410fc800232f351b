"""A float32 array on disk that is written row by row, survives a kill, and has a checksum."""

import io
import json
import logging
import os
from pathlib import Path

import google_crc32c
import numpy as np

from semreg_tf.data.atomic_write import write_lines
from semreg_tf.files.json_files import parse_json

logger = logging.getLogger(__name__)
_BLOCK_BYTES = 1 << 24


def open_whole(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Opens a finished array (`.npy`) read-only and memory-mapped, after verifying its checksum.

    The checksum is computed at gigabytes per second. A file without checksum, of an earlier
    version, is opened with a warning.

    Returns:
      The array, or None if the file is missing or, with a warning, damaged or of another shape.
    """
    if not path.exists():
        return None
    try:
        damage = _damage(path)
        array = None if damage else np.load(path, mmap_mode="r")
        if array is not None and (array.shape, array.dtype) != (shape, np.float32):
            damage = f"it holds {array.shape} of {array.dtype}, not {shape} of float32"
    except (ValueError, OSError, EOFError) as error:
        damage = str(error).splitlines()[0]
    if damage:
        logger.warning("%s is damaged (%s): it is computed again", path, damage)
        return None
    return array


class GrowingArray:
    """An array whose rows are appended to a partial file, which `finish` renames.

    The space of the whole file is reserved first, so that a full disk is detected before hours of
    work.

    Args:
      path: the `.npy` file that `finish` creates.
      shape: shape of the finished array.

    Attributes:
      done: number of rows that are written, including those of an earlier run.

    Raises:
      OSError: the disk is full or read-only.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape = path, shape
        self._partial, self._done = path.with_suffix(".partial.npy"), path.with_suffix(".done")
        self._header = _header(shape)
        self._row_bytes = 4 * int(np.prod(shape[1:]))
        self.done, self._checksum = self._earlier_rows()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered, so that a full disk raises an error only once.
            flags = os.O_RDWR | os.O_CREAT | (0 if self.done else os.O_TRUNC)
            self._file: int | None = os.open(self._partial, flags, 0o644)
            size = len(self._header) + shape[0] * self._row_bytes
            try:
                os.posix_fallocate(self._file, 0, size)
                self._write(self._header, 0)
            except OSError:
                self.close()
                raise
        except OSError as error:
            raise self._full(error) from error

    def append(self, rows: np.ndarray) -> None:
        """Appends rows, (rows, ...) float32; a kill after this call does not lose them.

        Raises:
          OSError: the disk is full.
        """
        data = np.ascontiguousarray(rows, np.float32).tobytes()
        try:
            self._write(data, len(self._header) + self.done * self._row_bytes)
            self._checksum = google_crc32c.extend(self._checksum, data)
            self.done += len(rows)
            write_lines(self._done, [f"{self.done} {self._checksum}"])
        except OSError as error:
            raise self._full(error) from error

    def finish(self) -> None:
        """Writes the checksum and renames the file, after all rows were appended."""
        os.fsync(self._file)
        self.close()
        values = {"file": self._path.name, "crc32c": self._checksum}
        values["bytes"] = os.path.getsize(self._partial)
        write_lines(_checksum_path(self._path), [json.dumps(values)])
        os.replace(self._partial, self._path)
        self._done.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file without deleting its rows."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes, offset: int) -> None:
        """Writes all of `data`; one system call may write only a part of it."""
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], offset + written)

    def _earlier_rows(self) -> tuple[int, int]:
        """Returns the number of intact rows of an earlier run, and the checksum up to there."""
        no_rows = 0, google_crc32c.value(self._header)
        if not (self._done.exists() and self._partial.exists()):
            return no_rows
        try:
            done, *stored = map(int, self._done.read_bytes().split())
            size = len(self._header) + done * self._row_bytes
            checksum = _checksum(self._partial, size)
            with open(self._partial, "rb") as file:
                same_header = file.read(len(self._header)) == self._header
        except (ValueError, OSError):
            return no_rows
        # Earlier versions stored no checksum.
        if same_header and done <= self._shape[0] and stored in ([], [checksum]):
            return done, checksum
        logger.warning("%s is damaged: it is computed again", self._partial)
        return no_rows

    def _full(self, error: OSError) -> OSError:
        return OSError(
            error.errno,
            f"`folder` has no space for the {self._shape[0]} rows of {self._path.name}; finished "
            "rows are kept. Free space and run the same command again. Received: "
            f"{str(self._path)!r} ({error.strerror or error})",
        )


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".crc32c.json")


def _checksum(path: Path, size: int) -> int:
    """Returns the CRC-32C of the first `size` bytes of a file.

    Raises:
      ValueError: the file is shorter.
    """
    checksum, remaining = 0, size
    with open(path, "rb") as file:
        while remaining:
            block = file.read(min(_BLOCK_BYTES, remaining))
            if not block:
                raise ValueError("it is truncated")
            checksum = google_crc32c.extend(checksum, block)
            remaining -= len(block)
    return checksum


def _damage(path: Path) -> str | None:
    """Returns what is wrong with a finished file, or None."""
    checksum_path = _checksum_path(path)
    if not checksum_path.exists():
        logger.warning("%s has no checksum: an earlier version wrote it", path)
        return None
    values = parse_json(checksum_path.read_bytes())
    if not isinstance(values, dict) or values.get("file") != path.name:
        return "its checksum is of another file"
    if os.path.getsize(path) != values.get("bytes"):
        return "its size differs from the size that was written"
    if _checksum(path, values["bytes"]) != values.get("crc32c"):
        return "its bytes do not match its checksum"
    return None
