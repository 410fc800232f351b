"""File names whose letters are written in another Unicode form than on disk.

macOS hands out names with accents apart from their letters (NFD), most other programs write them
composed (NFC): the same name to a reader, another to a file system.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping


def by_letters(names: Iterable[str]) -> Mapping[str, list[str]]:
    """Returns names by their composed form, for a look-up that works for every Unicode form."""
    by_composed_form: dict[str, list[str]] = {}
    for name in names:
        by_composed_form.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return by_composed_form


def on_disk(path: str) -> str:
    """Returns a path as it is written on disk, or as it was given where there is no such file.

    Example:
      on_disk("caf\u00e9.jpg")  # "cafe\u0301.jpg" where that is the file's name
    """
    if path.isascii() or os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    there = on_disk(folder) if folder and not os.path.isdir(folder) else folder
    try:
        names = by_letters(os.listdir(there or "."))
    except OSError:
        return path
    same = names.get(unicodedata.normalize("NFC", name), [])
    return os.path.join(there, same[0]) if len(same) == 1 else path
