"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Iterable

import tensorflow as tf

from semreg_tf.text.text_files import decode


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Writes UTF-8 lines beside `path`, then renames: a killed run leaves no half file.

    Args:
      path: the file to write or replace; missing parent folders are made.
      lines: the lines without their newlines.

    Raises:
      OSError: the disk is full or read-only; a file that was there is as it was.
    """
    path = os.fspath(path)
    partial = f"{path}.partial"
    try:
        tf.io.gfile.makedirs(os.path.dirname(path) or ".")
        with tf.io.gfile.GFile(partial, "wb") as f:
            for line in lines:
                f.write(f"{line}\n".encode())
        tf.io.gfile.rename(partial, path, overwrite=True)
    except tf.errors.OpError as error:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(partial)
        raise OSError(
            "`path` must be a file that can be written; what was there is intact. "
            f"Received: path={path!r} ({str(error).splitlines()[0]})"
        ) from error


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    r"""Returns the lines of a UTF-8 file; only `\n` ends a line, and the last must be ended.

    Raises:
      ValueError: the file's end is missing, or it is no UTF-8.
      OSError: it cannot be read.
    """
    path = os.fspath(path)
    try:
        with tf.io.gfile.GFile(path, "rb") as f:
            content = f.read()
    except tf.errors.OpError as error:
        raise OSError(
            f"`path` must be a file that can be read ({str(error).splitlines()[0]}). "
            f"Received: path={path!r}"
        ) from error
    *lines, rest = decode(content, "path", f"path={path!r}").split("\n")
    if rest:
        raise ValueError(
            f"`path` must be a whole file: line {len(lines) + 1} is cut short. Write it again. "
            f"Received: path={path!r}, last line: {rest[:60]!r}"
        )
    return lines
