"""Atomic writing and checked reading of text files, local or in a bucket."""

import contextlib
import os
from collections.abc import Iterable

import tensorflow as tf

from semreg_tf.text.text_files import decode


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Writes UTF-8 lines to a temporary file and renames it, so that no partial file remains.

    Missing parent folders are created; the lines are without newlines.

    Raises:
      OSError: the disk is full or read-only; an existing file is not changed.
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
            "`path` must be a file that can be written; an existing file is not changed. "
            f"Received: path={path!r} ({str(error).splitlines()[0]})"
        ) from error


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    r"""Returns the lines of a UTF-8 file; each line, including the last, must end in `\n`.

    Raises:
      ValueError: the last line is incomplete, or the file is not UTF-8.
      OSError: the file cannot be read.
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
    *lines, incomplete = decode(content, "path", f"path={path!r}").split("\n")
    if incomplete:
        raise ValueError(
            f"`path` must be a whole file: line {len(lines) + 1} is cut short. Write it again. "
            f"Received: path={path!r}, last line: {incomplete[:60]!r}"
        )
    return lines
