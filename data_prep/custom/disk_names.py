"""Finds pictures whose file names are written with other Unicode forms of the same letters."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from semreg_tf.text.file_names import by_letters


def with_disk_names(
    entries: Sequence[Entry], names: frozenset[str], findings: Findings
) -> list[Entry]:
    """Returns the entries with the names that their pictures have on disk.

    Args:
      entries: one a picture, named as the annotation file writes them.
      names: of the files in the folder of the pictures.
      findings: a warning goes there for each name that is written otherwise, and a problem for
        two pictures whose names differ in form alone, since both would have one id.

    Returns:
      The entries; those without a picture keep their names.
    """
    files = by_letters(names)
    found = []
    for entry in entries:
        same = files.get(unicodedata.normalize("NFC", entry.file_name), [])
        if entry.file_name not in names and len(same) == 1:
            findings.warn(
                entry.line,
                "file name in another Unicode form",
                f"the picture {entry.file_name!r} is there with its letters written otherwise "
                f"({same[0]!a}, as macOS does), and is taken",
                (same[0],),
            )
            entry = replace(entry, file_name=same[0])
        found.append(entry)
    named = by_letters({entry.file_name for entry in found})
    for entry in found:
        if len(named[image_id(entry)]) > 1:
            findings.problem(
                entry.line,
                "file names of the same letters",
                f"two pictures are named with the same letters in two Unicode forms: rename one. "
                f"Received: {entry.file_name!a}",
            )
    return found


def image_id(entry: Entry) -> str:
    """Returns what joins predictions to a picture: its file name, letters composed (NFC)."""
    return unicodedata.normalize("NFC", entry.file_name)
