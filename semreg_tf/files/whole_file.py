"""Atomic writes of local files."""

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from semreg_tf.files.file_lock import is_same_file


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes `NAME.partial`, then renames it, so that `path` is never incomplete.

    Missing parent folders are created; text is written in UTF-8. Several processes may write the
    same path at once: each waits for the others, and the last one's content remains. The partial
    file of a killed process is overwritten by the next write.

    Raises:
      OSError: the file cannot be written; an existing file is unchanged.

    Example:
      >>> write_whole("runs/joint/results.json", "{}")
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    with _opened_alone(partial) as opened:
        try:
            opened.truncate()
            opened.write(content.encode() if isinstance(content, str) else content)
            opened.flush()
            os.replace(partial, file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _opened_alone(path: Path) -> BinaryIO:
    """Returns a file opened for writing that no other process or thread writes until it closes."""
    while True:
        # Not truncated before the lock is held, since another process may be writing it.
        file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb")  # noqa: SIM115
        try:
            with contextlib.suppress(OSError):
                # A file system without locks has the guarantee for one process only.
                fcntl.flock(file, fcntl.LOCK_EX)
            # The process that had the lock has renamed the file, unless it was killed.
            if is_same_file(file.fileno(), path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes an object as indented JSON, atomically."""
    write_whole(path, json.dumps(values, indent=2) + "\n")
