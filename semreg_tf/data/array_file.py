"""A float32 array on disk that grows row by row, survives a kill, and is checked when opened."""

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
    """Opens a finished array read-only, memory-mapped, after a check of all its bytes.

    The checksum is read at gigabytes a second, and the file is in memory afterwards. A file
    written before checksums were kept is opened with a line that says so.

    Args:
      path: the `.npy` file.
      shape: what it must hold.

    Returns:
      The array, or None where there is none or it is damaged; the latter is told.
    """
    if not path.exists():
        return None
    try:
        wrong = _fault(path)
        array = None if wrong else np.load(path, mmap_mode="r")
        if array is not None and (array.shape, array.dtype) != (shape, np.float32):
            wrong = f"it holds {array.shape} of {array.dtype}, not {shape} of float32"
    except (ValueError, OSError, EOFError) as error:
        wrong = str(error).splitlines()[0]
    if wrong:
        logger.warning("%s is damaged (%s): it is computed again", path, wrong)
        return None
    return array


class GrowingArray:
    """Rows written one after another under another name; `finish` renames.

    The whole file's room is taken first, so that a full disk is told before hours of work.

    Args:
      path: the `.npy` file that `finish` leaves.
      shape: of the finished array.

    Attributes:
      done: rows that are there, from an earlier start too.

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
            # Unbuffered, so that what a full disk refuses is refused once.
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
        """Writes rows, (rows, ...) float32; they are in the system's hands when this returns.

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
        """Renames the file once all rows are there; its checksum is written before."""
        os.fsync(self._file)
        self.close()
        values = {"file": self._path.name, "crc32c": self._checksum}
        values["bytes"] = os.path.getsize(self._partial)
        write_lines(_checksum_path(self._path), [json.dumps(values)])
        os.replace(self._partial, self._path)
        self._done.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file; the rows that are there stay."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes, place: int) -> None:
        """Writes all of `data`, though the system may take it in parts."""
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], place + written)

    def _earlier_rows(self) -> tuple[int, int]:
        """Returns how many rows an earlier start left whole, and the checksum up to there."""
        nothing = 0, google_crc32c.value(self._header)
        if not (self._done.exists() and self._partial.exists()):
            return nothing
        try:
            done, *stored = map(int, self._done.read_bytes().split())
            size = len(self._header) + done * self._row_bytes
            checksum = _checksum(self._partial, size)
            with open(self._partial, "rb") as file:
                same_header = file.read(len(self._header)) == self._header
        except (ValueError, OSError):
            return nothing
        # Rows of before checksums were kept have none.
        if same_header and done <= self._shape[0] and stored in ([], [checksum]):
            return done, checksum
        logger.warning("%s is damaged: it is computed anew", self._partial)
        return nothing

    def _full(self, error: OSError) -> OSError:
        return OSError(
            error.errno,
            f"`folder` could not take the {self._shape[0]} rows of {self._path.name}; those done "
            f"are kept. Make room and start the same command again. Received: {str(self._path)!r} "
            f"({error.strerror or error})",
        )


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".crc32c.json")


def _checksum(path: Path, size: int) -> int:
    """Returns the CRC-32C of a file's first bytes.

    Raises:
      ValueError: it has fewer.
    """
    checksum, left = 0, size
    with open(path, "rb") as file:
        while left:
            block = file.read(min(_BLOCK_BYTES, left))
            if not block:
                raise ValueError("cut short")
            checksum = google_crc32c.extend(checksum, block)
            left -= len(block)
    return checksum


def _fault(path: Path) -> str | None:
    """Returns what is wrong with a finished file, or None."""
    beside = _checksum_path(path)
    if not beside.exists():
        logger.warning("%s carries no checksum: it was written before they were kept", path)
        return None
    values = parse_json(beside.read_bytes())
    if not isinstance(values, dict) or values.get("file") != path.name:
        return "its checksum is of another file"
    if os.path.getsize(path) != values.get("bytes"):
        return "another size than was written"
    if _checksum(path, values["bytes"]) != values.get("crc32c"):
        return "its bytes do not match its checksum"
    return None
