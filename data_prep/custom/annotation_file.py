r"""Reader of annotation files, JSON Lines or CSV, into rows of columns, whose values are unchecked.

JSON Lines   {"file_name": "beach.jpg", "captions": ["A dog runs ."], "labels": ["dog", "sea"]}
CSV          file_name,captions,labels
             beach.jpg,"A dog runs, far.|Waves.",dog|sea
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from etils import epath

from data_prep.custom.columns import COLUMNS, cell_value, column_of, renamed
from data_prep.custom.findings import Findings
from semreg_tf.text.text_files import (
    CARRIAGE_RETURNS,
    ends_in_carriage_returns,
    parse_json,
    why_no_text,
    without_bom,
)

_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_CSV_SUFFIXES = (".csv", ".tsv")
_DELIMITERS = (",", ";", "\t")
_EXCERPT = 60


@dataclass(frozen=True)
class Row:
    """The values of one line by column, without empty ones and nulls."""

    line: int
    values: dict[str, Any]


def read_rows(path: str | PathLike[str], findings: Findings) -> list[Row]:
    """Reads an annotation file; lines that cannot be read are added to `findings`.

    A file ending in .jsonl, .ndjson or .json has one object per line. The first line of a file
    ending in .csv or .tsv has the column names; cells are separated by comma, semicolon or tab.

    Raises:
      ValueError: there is no such file, or its ending is unknown.
    """
    suffix = epath.Path(path).suffix.lower()
    if suffix not in (*_JSON_SUFFIXES, *_CSV_SUFFIXES):
        raise ValueError(
            "`annotations` must be a JSON Lines file (.jsonl) or a CSV file (.csv). "
            f"Received: annotations={fspath(path)!r}"
        )
    if not epath.Path(path).is_file():
        raise ValueError(
            f"`annotations` must be a file: there is none. Received: annotations={fspath(path)!r}"
        )
    lines, unreadable = _read_text(epath.Path(path).read_bytes(), findings)
    if unreadable is None:
        return []
    if not any(line.strip() for line in lines):
        findings.problem(1, "file empty", "the file is empty")
        return []
    rows = _json_rows if suffix in _JSON_SUFFIXES else _csv_rows
    return list(rows(lines, unreadable, findings))


def excerpt(value: Any) -> str:
    """Returns the representation of a value, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."


def _read_text(content: bytes, findings: Findings) -> tuple[list[str], set[int] | None]:
    """Returns the lines and the numbers of those that are not UTF-8, or None if it is not text."""
    why = why_no_text(content)
    if why is not None:
        findings.problem(1, "encoding", why)
        return [], None
    if ends_in_carriage_returns(content):
        findings.problem(1, "line ends", CARRIAGE_RETURNS)
        return [], None
    lines, unreadable = [], set()
    for number, line in enumerate(without_bom(content).split(b"\n"), start=1):
        try:
            lines.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            around = excerpt(line[max(0, error.start - 12) : error.start + 12])
            findings.problem(
                number,
                "encoding",
                f"byte {error.start + 1} of the line is no UTF-8: save the file as UTF-8. "
                f"Received: {around}",
            )
            unreadable.add(number)
            lines.append(line.decode(errors="replace"))
    return lines, unreadable


def _json_rows(lines: list[str], unreadable: set[int], findings: Findings) -> Iterator[Row]:
    first = next(line.strip() for line in lines if line.strip())
    if first.startswith("[") or first == "{":
        findings.problem(
            1,
            "no JSON Lines",
            "the file is one JSON document: write one object on each line, as "
            "`jq -c '.[]'` does, or where it is COCO's give --format=coco. "
            f"Received: {excerpt(first)}",
        )
        return
    warned: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or number in unreadable:
            continue
        try:
            values = parse_json(line, object_pairs_hook=_distinct)
        except json.JSONDecodeError as error:
            findings.problem(number, "no JSON", _why_no_json(line, error))
            continue
        except _RepeatedColumn as error:
            findings.problem(number, "column twice", f"the column {error} is there twice")
            continue
        if not isinstance(values, dict):
            findings.problem(
                number,
                "no JSON object",
                f'the line must be an object {{"file_name": ...}}. Received: {excerpt(values)}',
            )
            continue
        if {"images", "annotations"} <= set(values):
            text = "the line is a whole set in COCO's form: give --format=coco"
            findings.problem(number, "COCO's JSON", text)
            continue
        values = {k: v for k, v in values.items() if v is not None}
        columns = renamed(number, list(values), findings, warned)
        if columns is not None:
            named = zip(values, columns, values.values(), strict=True)
            yield Row(number, {c: _json_value(name, c, v) for name, c, v in named})


def _json_value(name: str, column: str, value: Any) -> Any:
    """Returns a value unchanged, but splits joined tags in columns named by other tools."""
    is_joined = name != column and isinstance(value, str)
    return cell_value(name, column, value) if is_joined else value


class _RepeatedColumn(Exception):
    """A JSON object names one column twice."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedColumn(repr(next(name for name in names if names.count(name) > 1)))
    return values


def _why_no_json(line: str, error: json.JSONDecodeError) -> str:
    if error.pos >= len(line.rstrip()) or error.msg.startswith("Unterminated"):
        return (
            f"the line ends within the JSON, after column {len(line.rstrip())}. "
            f"Received: ...{line.rstrip()[-_EXCERPT // 2 :]!r}"
        )
    before = line[: error.pos].rstrip()
    if "\r" in line[: error.pos]:
        return f"two lines are parted by CR alone: end each line with LF. Received: {excerpt(line)}"
    if line[error.pos] in "}]" and before.endswith(","):
        hint = " (a comma too many)"
    else:
        hint = " (texts stand in double quotes)" if line[error.pos] == "'" else ""
    return (
        f"no JSON at column {error.colno}: {error.msg}{hint}. "
        f"Received: {excerpt(line[max(0, error.pos - 10) :])}"
    )


def _csv_rows(lines: list[str], unreadable: set[int], findings: Findings) -> Iterator[Row]:
    head = next(i for i, line in enumerate(lines) if line.strip())
    delimiter = _delimiter(lines[head])
    # Lines keep their ends, because a quoted text may continue on the next line.
    reader = csv.reader(
        (f"{line}\n" for line in lines), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    header: list[str] | None = None
    columns: list[str] | None = None
    while True:
        start = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            why = _why_no_csv(lines[start - 1], error)
            received = excerpt(lines[start - 1])
            findings.problem(start, "no CSV", f"no CSV: {why}. Received: {received}")
            continue
        if not any(cells) or unreadable.intersection(range(start, reader.line_num + 1)):
            continue
        if header is None:
            header = cells
            columns = _columns(start, header, findings)
            if columns is None:
                return
        elif len(cells) != len(header):
            findings.problem(
                start,
                "number of cells",
                f"the line has {len(cells)} cells, the first line names {len(header)} columns: "
                f"put texts that hold {delimiter!r} in double quotes. "
                f"Received: {excerpt(lines[start - 1])}",
            )
        else:
            named = zip(header, columns, cells, strict=True)
            yield Row(start, {c: cell_value(name, c, text) for name, c, text in named if text})


def _why_no_csv(line: str, error: csv.Error) -> str:
    if "end of data" in str(error):
        return "a quote is opened and never closed"
    if "\r" in line:
        return "two lines are parted by CR alone: end each line with LF"
    if "field limit" in str(error) or "field larger" in str(error):
        return "a cell is longer than any caption: is a quote opened and never closed?"
    return str(error)


def _delimiter(header: str) -> str:
    """Returns the delimiter with which the first line has the most known columns."""

    def known(delimiter: str) -> int:
        return sum(column_of(cell.strip(' "')) is not None for cell in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def _columns(line: int, header: list[str], findings: Findings) -> list[str] | None:
    """Returns the columns of the first line, or None if it cannot be used."""
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        findings.problem(line, "column twice", f"the first line names {repeated} more than once")
        return None
    columns = renamed(line, header, findings, set())
    if columns is not None and "file_name" not in columns:
        findings.problem(
            line,
            "no column `file_name`",
            "the first line must name the columns, `file_name` among them: of "
            f"{', '.join(COLUMNS)}. Received: {excerpt(header)}",
        )
        return None
    return columns
