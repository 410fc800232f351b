"""Finds pictures whose file names on disk are in another Unicode form than in the annotations."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from semreg_tf.text.file_names import by_letters


def with_disk_names(
    entries: Sequence[Entry], names: frozenset[str], findings: Findings
) -> list[Entry]:
    """Returns the entries with the file names that their pictures have on disk.

    Args:
      entries: one per picture; those without a file keep their names.
      names: names of the files in the folder of the pictures.
      findings: gets a warning for each name in another form, and a problem for two pictures whose
        names only differ in form, because both would have the same id.
    """
    files = by_letters(names)
    renamed = []
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
        renamed.append(entry)
    named = by_letters({entry.file_name for entry in renamed})
    for entry in renamed:
        if len(named[image_id(entry)]) > 1:
            findings.problem(
                entry.line,
                "file names of the same letters",
                f"two pictures are named with the same letters in two Unicode forms: rename one. "
                f"Received: {entry.file_name!a}",
            )
    return renamed


def image_id(entry: Entry) -> str:
    """Returns the image id of an entry: its file name in the Unicode form NFC."""
    return unicodedata.normalize("NFC", entry.file_name)
