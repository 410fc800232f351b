"""Answers as CSV, with columns that data preparation reads: `file_name`, `caption`, `labels`."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from semreg_tf.annotating.answer_file import AnswerFile
from semreg_tf.annotating.photo_words import caption_of
from semreg_tf.data.picture_files import printable

COLUMNS = (
    "file_name",
    "caption",
    "caption_score",
    "labels",
    "label_scores",
    "concepts",
    "error",
    "model",
)
HEADER = ",".join(COLUMNS)
_LINE_END = "\r\n"
# Of the names in a cell, as in data preparation.
_SEPARATOR = "|"
# A byte that is not UTF-8 in the output of `printable`.
_ESCAPED_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def csv_line(row: Mapping[str, Any]) -> str:
    """Returns an answer as one CSV record without a line end (RFC 4180).

    Example:
      >>> csv_line({"file": "a.jpg", "model": "m", "error": "damaged, sadly"})
      'a.jpg,,,,,,"damaged, sadly",m'
    """
    cells = dict.fromkeys(COLUMNS, "") | {"file_name": row["file"], "model": row["model"]}
    if "error" in row:
        cells["error"] = row["error"]
    else:
        caption = caption_of(row)
        if caption is not None:
            score = row["n_best"][0][1] if row["n_best"] else None
            cells |= {"caption": caption, "caption_score": _number(score)}
        cells["labels"] = _SEPARATOR.join(row.get("labels") or ())
        cells["label_scores"] = _SEPARATOR.join(map(_number, row.get("label_scores") or ()))
        cells["concepts"] = _SEPARATOR.join(name for name, _ in row["concepts"])
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([printable(str(v)) for v in cells.values()])
    return out.getvalue()


class CsvAnswers(AnswerFile):
    """A CSV file of answers from which a stopped job resumes, see `AnswerFile`.

    Attributes:
      rows: answers of earlier starts, by file: `file`, `model`, and `error` or `text`.
    """

    def _begin(self) -> None:
        if not self._file.tell():
            self._write(HEADER + _LINE_END)

    def _line(self, row: Mapping[str, Any]) -> str:
        return csv_line(row) + _LINE_END

    def _whole_part(self, content: bytes) -> bytes:
        whole = content.removeprefix(codecs.BOM_UTF8)
        header = HEADER.encode()
        if not whole.startswith((header + b"\n", header + b"\r\n")):
            # Of a new file, a kill may have cut off the header.
            return b"" if (header + b"\r").startswith(content) else content
        # A line break within quotes is part of a cell, not the end of a record.
        while not (whole.endswith(b"\n") and whole.count(b'"') % 2 == 0):
            whole = whole[: whole.rfind(b"\n", 0, len(whole) - 1) + 1]
        return content[: content.index(header)] + whole

    def _read(self, text: str) -> Iterator[dict[str, Any]]:
        records = csv.reader(io.StringIO(text, newline=""))
        if text and next(records, None) != list(COLUMNS):
            raise ValueError(
                f"`answers` must be a new file or hold the columns {HEADER}. "
                f"Received: {str(self.path)!r}"
            )
        for number, cells in enumerate(records, start=2):
            if len(cells) != len(COLUMNS):
                raise ValueError(
                    "`answers` must be a new file or hold answers of an earlier start. "
                    f"Received: {str(self.path)!r}, whose record {number} is not an answer"
                )
            yield _answer_of(dict(zip(COLUMNS, cells, strict=True)))


def _answer_of(row: Mapping[str, str]) -> dict[str, Any]:
    answer = {"file": _name_on_disk(row["file_name"]), "model": row["model"]}
    if row["error"]:
        return answer | {"error": row["error"]}
    labels = ", ".join(row["labels"].split(_SEPARATOR))
    return answer | {"text": row["caption"] or labels}


def _name_on_disk(cell: str) -> str:
    """Returns the file name of a cell, with the bytes that `printable` has escaped."""
    return _ESCAPED_BYTE.sub(lambda match: chr(int(match[1], 16)), cell)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
