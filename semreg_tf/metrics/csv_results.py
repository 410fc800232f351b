"""Predictions as CSV: one row per image, with a caption or with labels separated by `|`."""

import csv
import io
import os
from pathlib import Path
from typing import Literal

from semreg_tf.text.text_files import read_text

SUFFIXES = (".csv", ".tsv")
_ID, _SEPARATOR = "image_id", "|"
# Separators of cells, in the order in which the first line is searched for them.
_DELIMITERS = (",", ";", "\t")


def is_csv(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file's name has a suffix of CSV files."""
    return Path(path).suffix.lower() in SUFFIXES


def read_csv_results(
    path: str | os.PathLike[str], column: Literal["caption", "labels"]
) -> dict[str, str | list[str]]:
    """Reads a CSV file of predictions; empty lines are skipped.

    Args:
      path: a UTF-8 file, with or without a byte order mark. The first line names the columns,
        `image_id` and `column`, in either order; commas, semicolons or tabs separate cells.
      column: "caption"; or "labels", separated by `|`, none if the cell is empty.

    Returns:
      The caption or the labels of each image, in the file's order.

    Raises:
      ValueError: the columns differ, a record has another number of cells, an image is named twice,
        or there is no image; the error names the line.

    Example:
      >>> read_csv_results("tags.csv", "labels")
      {'42': ['sea', 'boat']}
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    predictions: dict[str, str | list[str]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        if sorted(header) != sorted((_ID, column)):
            raise ValueError(
                f"`path` must have the columns {_ID} and {column}, no others. "
                f"Received: path={str(path)!r}, whose first line is {first.strip()[:80]!r}"
            )
        for cells in reader:
            where = f"path={str(path)!r}, line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"`path` must have {len(header)} cells on each line: quote a text that has a "
                    f"{delimiter!r}. Received: {where}: {len(cells)} cells"
                )
            row = dict(zip(header, cells, strict=True))
            image_id = row[_ID].strip()
            if image_id in predictions:
                raise ValueError(
                    f"`path` must name each image once. Received: {where}: image_id {image_id!r} "
                    "again"
                )
            labels = [label.strip() for label in row[column].split(_SEPARATOR)]
            predictions[image_id] = row[column] if column == "caption" else [x for x in labels if x]
    except csv.Error as error:
        raise ValueError(
            f"`path` must be a CSV file ({error}). "
            f"Received: path={str(path)!r}, line {reader.line_num}"
        ) from error
    if not predictions:
        raise ValueError(
            f"`path` must hold at least one image. Received: path={str(path)!r} without any"
        )
    return predictions
