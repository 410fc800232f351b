"""The folder of the copies: which of its files is which picture's copy."""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import picture_key
from semreg_tf.annotating.captioned_copy import unique_copy_name
from semreg_tf.annotating.earlier_answers import absolute_path

# In the folder: one line for each copy, with its file name and its picture's absolute path.
COPIES_FILE = ".copies.jsonl"


def check_copies_folder(folder: str | os.PathLike[str], paths: Sequence[str]) -> None:
    """Checks that the folder of the copies holds none of the pictures.

    Raises:
      ValueError: a picture, or the file that it links to, lies directly in the folder.
    """
    with contextlib.suppress(FileNotFoundError):
        place, is_same = os.stat(folder), {}
        for path in paths:
            for name in (path, os.path.realpath(path)):
                parent = os.path.dirname(name) or "."
                if parent not in is_same:
                    is_same[parent] = _is_at(parent, place)
                if is_same[parent]:
                    raise ValueError(
                        "`out` must be another folder than the pictures' own, whose files the "
                        f"copies would replace: {path!a} lies in it. Received: out={str(folder)!r}"
                    )


def _is_at(folder: str, place: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(folder), place)
    except OSError:
        return False


class CopyNames:
    """File names for the pictures' copies, under which a copy replaces no other file.

    A picture keeps the name that an earlier start gave its copy. A name that another picture's copy
    or a file of unknown origin has is left to it: the copy's name gets a digest of the picture's
    absolute path. Each name is recorded in the folder before it is returned.

    Args:
      folder: the folder, which one process at a time uses.
      names: the preferred name by picture.
      answers: earlier answers; they list the copies that were written before the record existed.

    Example:
      >>> CopyNames(Path("copies"), {"trip/1.png": "1.jpg"})["trip/1.png"]
      '1.jpg'
    """

    def __init__(
        self, folder: Path, names: Mapping[str, str], answers: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._folder, self._record, self._preferred = folder, folder / COPIES_FILE, names
        self._by_picture = {
            absolute_path(picture_key(row)): Path(row["copy"]).name
            for row in answers
            if "copy" in row and _is_at(str(Path(row["copy"]).parent), os.stat(folder))
        }
        content = self._record.read_bytes() if self._record.exists() else b""
        for line in content.splitlines():
            # A kill may cut off the last line; the copy of that line was not begun.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self._by_picture[entry["file"]] = entry["copy"]
        self._separator = "\n" if content and not content.endswith(b"\n") else ""
        # Some file systems ignore case.
        self._used = {name.lower() for name in self._by_picture.values()}

    def __getitem__(self, path: str) -> str:
        picture = absolute_path(path)
        if picture not in self._by_picture:
            name, salt = self._preferred[path], picture
            while name.lower() in self._used or os.path.lexists(self._folder / name):
                name = unique_copy_name(salt, Path(name).suffix)
                salt += "/"
            line = json.dumps({"copy": name, "file": picture})
            with open(self._record, "a", encoding="utf-8") as file:
                file.write(f"{self._separator}{line}\n")
            self._separator = ""
            self._by_picture[picture] = name
            self._used.add(name.lower())
        return self._by_picture[picture]
