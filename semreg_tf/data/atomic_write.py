"""Files that are there whole or not at all."""

import os
from collections.abc import Iterable

import tensorflow as tf

from semreg_tf.text.text_files import decode


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Writes UTF-8 lines beside `path`, then renames: a killed run leaves no half file.

    Args:
      path: the file to write or replace; missing parent folders are made.
      lines: the lines without their newlines.
    """
    path = os.fspath(path)
    tf.io.gfile.makedirs(os.path.dirname(path) or ".")
    partial = f"{path}.partial"
    with tf.io.gfile.GFile(partial, "wb") as f:
        for line in lines:
            f.write(f"{line}\n".encode())
    tf.io.gfile.rename(partial, path, overwrite=True)


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    r"""Returns the lines of a UTF-8 file; only `\n` ends a line, and the last must be ended.

    Raises:
      ValueError: the file is no UTF-8, or its end is missing.
    """
    with tf.io.gfile.GFile(os.fspath(path), "rb") as f:
        content = f.read()
    *lines, rest = decode(content, "path", f"path={os.fspath(path)!r}").split("\n")
    if rest:
        raise ValueError(
            f"`path` must be a whole file: line {len(lines) + 1} is cut short. Write it again. "
            f"Received: path={os.fspath(path)!r}, last line: {rest[:60]!r}"
        )
    return lines
