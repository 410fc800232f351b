"""File names that are written in another Unicode form than on disk.

macOS returns names with decomposed accents (NFD), most other programs write composed letters
(NFC). Both look the same, but a file system distinguishes them.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping


def by_letters(names: Iterable[str]) -> Mapping[str, list[str]]:
    """Returns names by their composed form (NFC), to look up a name in any Unicode form."""
    by_composed_form: dict[str, list[str]] = {}
    for name in names:
        by_composed_form.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return by_composed_form


def on_disk(path: str) -> str:
    """Returns a path in the Unicode form on disk, or unchanged if there is no such file.

    Example:
      on_disk("caf\u00e9.jpg")  # "cafe\u0301.jpg" where that is the file's name
    """
    if path.isascii() or os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    folder_on_disk = on_disk(folder) if folder and not os.path.isdir(folder) else folder
    try:
        names = by_letters(os.listdir(folder_on_disk or "."))
    except OSError:
        return path
    same = names.get(unicodedata.normalize("NFC", name), [])
    return os.path.join(folder_on_disk, same[0]) if len(same) == 1 else path
