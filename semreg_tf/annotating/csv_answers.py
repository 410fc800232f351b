"""Answers as CSV: `file_name`, `caption`, `labels` as in data preparation, and more columns."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from semreg_tf.annotating.answer_file import AnswerFile
from semreg_tf.annotating.photo_words import caption_of
from semreg_tf.data.picture_files import printable
from semreg_tf.files.json_files import parse_json

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
# In a file: the whole answer as JSON, from which a later start resumes.
_ANSWER = "answer"
_LINE_END = "\r\n"
# Of the names in a cell, as in data preparation.
_SEPARATOR = "|"
# A byte that is not UTF-8 in the output of `printable`.
_ESCAPED_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def csv_line(row: Mapping[str, Any]) -> str:
    """Returns an answer as one CSV record without a line end (RFC 4180).

    Raises:
      ValueError: a label or a concept contains the separator of labels.

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
        cells["labels"] = _joined(row.get("labels") or ())
        cells["label_scores"] = _SEPARATOR.join(map(_number, row.get("label_scores") or ()))
        cells["concepts"] = _joined(name for name, _ in row.get("concepts", ()))
    return _record(cells.values())


def _joined(names: Iterable[str]) -> str:
    names = list(names)
    bad = next((name for name in names if _SEPARATOR in name), None)
    if bad is not None:
        raise ValueError(
            f"`format` csv separates labels by {_SEPARATOR}, which no label may contain: use jsonl "
            f"or sqlite. Received: the label {bad!r}"
        )
    return _SEPARATOR.join(names)


def _record(cells: Iterable[str]) -> str:
    out = io.StringIO()
    # Python 3.11 quotes a line break within a cell only if the line end has the same character.
    csv.writer(out, lineterminator=_LINE_END).writerow([printable(str(v)) for v in cells])
    return out.getvalue().removesuffix(_LINE_END)


class CsvAnswers(AnswerFile):
    """A CSV file of answers from which a stopped job resumes, see `AnswerFile`.

    The last column, `answer`, holds the whole answer as JSON; a file of an earlier version has no
    such column, and its answers have no concepts.
    """

    _columns: Sequence[str] = (*COLUMNS, _ANSWER)

    def _head(self) -> str:
        return ",".join(self._columns) + _LINE_END

    def _line(self, row: Mapping[str, Any]) -> str:
        answer = f",{_record([json.dumps(row)])}" if _ANSWER in self._columns else ""
        return csv_line(row) + answer + _LINE_END

    def _remove_outdated(self) -> None:
        # Records of an earlier version hold names that `rows` lack, and stay as they are.
        if _ANSWER in self._columns:
            super()._remove_outdated()

    def _whole_part(self, content: bytes) -> bytes:
        whole = content.removeprefix(codecs.BOM_UTF8)
        first = whole.partition(b"\n")[0].removesuffix(b"\r").decode(errors="replace")
        if b"\n" not in whole or first not in (HEADER, f"{HEADER},{_ANSWER}"):
            # Of a new file, a kill may have cut off the header.
            return b"" if self._head().encode().startswith(content) else content
        # A line break within quotes is part of a cell, not the end of a record.
        while not (whole.endswith(b"\n") and whole.count(b'"') % 2 == 0):
            whole = whole[: whole.rfind(b"\n", 0, len(whole) - 1) + 1]
        return content[: content.index(HEADER.encode())] + whole

    def _read(self, text: str) -> Iterator[dict[str, Any]]:
        records = csv.reader(io.StringIO(text, newline=""))
        if text:
            self._columns = tuple(next(records))
            if self._columns not in (COLUMNS, (*COLUMNS, _ANSWER)):
                raise ValueError(
                    f"`answers` must be a new file or hold the columns {HEADER}. "
                    f"Received: {str(self.path)!r}"
                )
        for number, cells in enumerate(records, start=2):
            try:
                yield _answer_of(dict(zip(self._columns, cells, strict=True)))
            except ValueError:
                raise ValueError(
                    "`answers` must be a new file or hold answers of an earlier start. "
                    f"Received: {str(self.path)!r}, whose record {number} is not an answer"
                ) from None


def _answer_of(cells: Mapping[str, str]) -> dict[str, Any]:
    """Returns the answer of a record; of one without `answer`, what the other columns hold."""
    if _ANSWER in cells:
        return parse_json(cells[_ANSWER])
    answer = {"file": _name_on_disk(cells["file_name"]), "model": cells["model"]}
    if cells["error"]:
        return answer | {"error": cells["error"]}
    labels, scores = (
        cells[name].split(_SEPARATOR) if cells[name] else [] for name in ("labels", "label_scores")
    )
    text = cells["caption"] or ", ".join(labels)
    score = float(cells["caption_score"]) if cells["caption_score"] else None
    answer |= {"text": text, "n_best": [[text, score]]}
    if labels or not cells["caption"]:
        answer |= {"labels": labels, "label_scores": [float(score) for score in scores]}
    # Captions and labels are of a model that answers both.
    return answer | ({"label_probabilities": []} if labels and cells["caption"] else {})


def _name_on_disk(cell: str) -> str:
    """Returns the file name of a cell, with the bytes that `printable` has escaped."""
    return _ESCAPED_BYTE.sub(lambda match: chr(int(match[1], 16)), cell)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
