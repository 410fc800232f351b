"""The columns of an annotation file, and the names that people and other tools use for them."""

import re
from typing import Any

from data_prep.custom.findings import Findings
from semreg_tf.name_hints import closest_name

LIST_COLUMNS = ("captions", "labels", "user_tags")
COLUMNS = ("file_name", *LIST_COLUMNS, "caption", "split")
CELL_SEPARATOR = "|"
# In lower case with single underscores. exiftool writes `SourceFile`, `Keywords`, `Subject` and
# `Description`.
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


def column_of(name: str) -> str | None:
    """Returns the column for a name in a file, or None.

    Example:
      >>> column_of("File Name"), column_of("keywords"), column_of("colour")
      ('file_name', 'labels', None)
    """
    if name in COLUMNS:
        return name
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return plain if plain in COLUMNS else _OTHER_NAMES.get(plain)


def hint_at(name: str) -> str:
    """Returns a hint about a column with a name similar to an unknown one, or an empty string."""
    close = closest_name(name.strip().lower(), (*COLUMNS, *_OTHER_NAMES))
    return f" Is {close} meant?" if close else ""


def renamed(line: int, names: list[str], findings: Findings, warned: set[str]) -> list[str] | None:
    """Returns the `COLUMNS` for the names of a line; unknown names are not changed.

    Each other name gets one warning: those in `warned`, which is updated, had theirs. If two names
    stand for the same column, a problem is added and None is returned.
    """
    columns = [column_of(name) or name for name in names]
    for column in dict.fromkeys(columns):
        same = [n for n, c in zip(names, columns, strict=True) if c == column]
        if len(same) > 1:
            findings.problem(
                line,
                "column twice",
                f"the columns {' and '.join(map(repr, same))} all mean `{column}`: leave one",
            )
            return None
        (name,) = same
        if name != column and name not in warned:
            warned.add(name)
            findings.warn(line, "column by another name", _read_as(name, column), (name,))
    return columns


def _read_as(name: str, column: str) -> str:
    more = ""
    if column == "labels":
        more = (
            f", the classes to predict, parted by '{CELL_SEPARATOR}' or, where a cell has none, by "
            "commas and semicolons (noisy tags, side information only, go into `user_tags`)"
        )
    return f"the column {name!r} is read as `{column}`{more}"


def cell_value(name: str, column: str, text: str) -> Any:
    """Returns the value of a CSV cell: a text, or for list columns a list of texts.

    Cells are split at `|`, so that a label may contain a comma. In a column named as by other
    tools (`name` is the name in the file), cells without `|` are split at commas and semicolons.
    """
    if column not in LIST_COLUMNS:
        return text
    if name != column and column != "captions" and CELL_SEPARATOR not in text:
        return [part.strip() for part in re.split("[,;]", text) if part.strip()]
    return [part.strip() for part in text.split(CELL_SEPARATOR)]
