"""The columns of an annotation file, under the names that people and other tools give them."""

import re
from typing import Any

from data_prep.custom.findings import Findings
from semreg_tf.name_hints import closest_name

LIST_COLUMNS = ("captions", "labels", "user_tags")
COLUMNS = ("file_name", *LIST_COLUMNS, "caption", "split")
CELL_SEPARATOR = "|"
# Written in lower case with single underscores. `SourceFile`, `Keywords`, `Subject` and
# `Description` are exiftool's.
_OTHER_NAMES = {
    **dict.fromkeys(
        (
            *("filename", "file", "image", "image_name", "image_path", "image_file", "path"),
            *("picture", "photo", "name", "sourcefile", "source_file"),
        ),
        "file_name",
    ),
    **dict.fromkeys(("text", "sentence", "description"), "caption"),
    **dict.fromkeys(("texts", "sentences", "descriptions"), "captions"),
    **dict.fromkeys(
        (
            *("label", "tags", "tag", "keywords", "keyword", "subject", "class", "classes"),
            *("category", "categories"),
        ),
        "labels",
    ),
    "user_tag": "user_tags",
}


def meant_by(name: str) -> str | None:
    """Returns the column that a name in a file means, or None.

    Example:
      >>> meant_by("File Name"), meant_by("keywords"), meant_by("colour")
      ('file_name', 'labels', None)
    """
    if name in COLUMNS:
        return name
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return plain if plain in COLUMNS else _OTHER_NAMES.get(plain)


def hint_at(name: str) -> str:
    """Returns a hint at the column that may be meant by an unknown name, or an empty string."""
    close = closest_name(name.strip().lower(), (*COLUMNS, *_OTHER_NAMES))
    return f" Is {close} meant?" if close else ""


class Header:
    """Turns a file's names of columns into those of `COLUMNS`, and says so once for each.

    Args:
      findings: where it is said.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings, self._told = findings, set()

    def renamed(self, line: int, names: list[str]) -> list[str] | None:
        """Returns the columns that names mean; unknown names stay.

        None where two mean the same, which is noted as a problem of the line.
        """
        columns = [meant_by(name) or name for name in names]
        for column in dict.fromkeys(columns):
            given = [n for n, c in zip(names, columns, strict=True) if c == column]
            if len(given) > 1:
                self._findings.problem(
                    line,
                    "column twice",
                    f"the columns {' and '.join(map(repr, given))} all mean `{column}`: leave one",
                )
                return None
            if given[0] != column and given[0] not in self._told:
                self._told.add(given[0])
                self._findings.warn(line, "column by another name", _as(given[0], column))
        return columns


def _as(name: str, column: str) -> str:
    more = ""
    if column == "labels":
        more = (
            f", the classes to predict, parted by '{CELL_SEPARATOR}' or, where a cell has none, by "
            "commas and semicolons (noisy tags, side information only, go into `user_tags`)"
        )
    return f"the column {name!r} is read as `{column}`{more}"


def cell_value(name: str, column: str, text: str) -> Any:
    """Returns a CSV cell's value: a text, or of a list column the list of its parts.

    A column under its own name is parted by `|` alone, so that a label may hold a comma. Under
    another name, as other tools write it, a cell without `|` is parted by commas and semicolons.

    Args:
      name: of the column in the file.
      column: what it means.
      text: the cell.
    """
    if column not in LIST_COLUMNS:
        return text
    if name != column and column != "captions" and CELL_SEPARATOR not in text:
        return [part.strip() for part in re.split("[,;]", text) if part.strip()]
    return [part.strip() for part in text.split(CELL_SEPARATOR)]
