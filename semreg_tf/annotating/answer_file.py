"""Answers as JSON Lines in a file from which a stopped job resumes.

A byte of a path that is not UTF-8 is written as the escape of a lone surrogate, as in Python's
`str`; `os.fsencode(json.loads(line)["file"])` returns the path's bytes.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semreg_tf.annotating.picture_list import Picture
from semreg_tf.data.picture_files import printable
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.json_files import parse_json
from semreg_tf.files.whole_file import write_whole
from semreg_tf.image_annotation import ImageAnnotation

TOP_CONCEPTS = 10


def answer_row(
    picture: Picture, annotation: ImageAnnotation, model_id: str, copy: str | None = None
) -> dict[str, Any]:
    """Returns a picture's answer as JSON values.

    Returns:
      `file`, `model`, and either `error` or: `text`, `n_best` and the most probable `concepts`,
      content words first; for a tag model `labels`, `n_best_labels` and `label_scores`; for a
      model of captions and tags also the most probable `label_probabilities`; with user tags
      `unknown_user_tags`; and `copy` if there is one.
    """
    row: dict[str, Any] = {"file": picture.path, "model": model_id}
    if annotation.error is not None:
        return row | {"error": annotation.error}
    row |= {
        "text": annotation.text,
        "n_best": [list(pair) for pair in annotation.n_best],
        "concepts": [list(pair) for pair in annotation.concepts[:TOP_CONCEPTS]],
    }
    if annotation.label_scores:
        row["label_scores"] = list(annotation.label_scores)
    if annotation.labels is not None:
        row["labels"] = list(annotation.labels)
        row["n_best_labels"] = [list(labels) for labels in annotation.n_best_labels]
    if annotation.label_probabilities:
        pairs = annotation.label_probabilities[:TOP_CONCEPTS]
        row["label_probabilities"] = [list(pair) for pair in pairs]
    if annotation.unknown_user_tags is not None:
        row["unknown_user_tags"] = annotation.unknown_user_tags
    return row if copy is None else row | {"copy": copy}


def picture_key(row: Mapping[str, Any]) -> str:
    """Returns an answer's picture: its absolute path, or in older answers `file`."""
    return row.get("path", row["file"])


def json_line(row: dict[str, Any]) -> str:
    """Returns an answer as one line of JSON that UTF-8 can encode, whatever bytes its path has."""
    return printable(json.dumps(row, ensure_ascii=False))


def check_same_model(path: Path, written_by: str, model_id: str) -> None:
    """Checks that a file of answers is not another model's.

    Raises:
      ValueError: the file was `written_by` another model than `model_id`.
    """
    if written_by != model_id:
        raise ValueError(
            "`answers` must be a new file or hold answers of this model, not of another. "
            f"Received: {str(path)!r}, of model {written_by}, not {model_id}"
        )


def write_error(path: Path, error: Exception) -> OSError:
    """Returns the error for an answer that could not be written."""
    return OSError(
        getattr(error, "errno", None),
        "`answers`: an answer could not be written; earlier answers are kept. Make room and start "
        f"the same command again. Received: {str(path)!r} "
        f"({getattr(error, 'strerror', None) or error})",
    )


class AnswerFile:
    """Answers on disk, one per line; a line that a kill cut off is removed at the next start.

    Attributes:
      rows: answers of earlier starts, by `picture_key`; of several for a picture, the last.

    Args:
      path: the file, new or with answers.
      model_id: the id of the model; answers of another model are refused.

    Raises:
      ValueError: the file holds something else, or another model's answers, or another process
        writes it.
    """

    def __init__(self, path: str | Path, model_id: str) -> None:
        self.path = Path(path)
        self.rows: dict[str, dict[str, Any]] = {}
        self._has_outdated = False
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), "answers", path)
        try:
            self._read_earlier(model_id)
            # Subclasses choose their own line ends.
            self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115
            if not self._file.tell():
                self._write(self._head())
        except BaseException:
            self._lock.close()
            raise

    def _read_earlier(self, model_id: str) -> None:
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = self._whole_part(content)
        for row in self._read(whole.decode("utf-8-sig", errors="replace")):
            check_same_model(self.path, row["model"], model_id)
            self.rows[picture_key(row)] = row
        # Only now is it certain that the file holds answers and that the rest was cut off.
        if len(whole) < len(content):
            with open(self.path, "rb+") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())

    def _head(self) -> str:
        """Returns what a new file begins with."""
        return ""

    def _line(self, row: dict[str, Any]) -> str:
        return json_line(row) + "\n"

    def append(self, row: dict[str, Any]) -> None:
        """Writes an answer and flushes it, so that it survives a kill of the process.

        Raises:
          OSError: the disk is full; earlier answers are kept.
        """
        try:
            self._write(self._line(row))
        except OSError as error:
            raise write_error(self.path, error) from error
        self._has_outdated |= picture_key(row) in self.rows or row["file"] in self.rows

    def _write(self, line: str) -> None:
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Closes the file and its lock, so that another process can resume."""
        with contextlib.suppress(OSError):
            # After a full disk, closing tries the failed write again; outdated answers may remain.
            self._file.close()
            if self._has_outdated:
                self._remove_outdated()
        self._lock.close()

    def _remove_outdated(self) -> None:
        """Removes answers that later ones of the same picture replace."""
        latest: dict[str, dict[str, Any]] = {}
        for row in self._read(self.path.read_bytes().decode("utf-8-sig", errors="replace")):
            for key in (row["file"], picture_key(row)):
                latest.pop(key, None)
            latest[picture_key(row)] = row
        lines = (self._line(row) for row in latest.values())
        write_whole(os.path.realpath(self.path), self._head() + "".join(lines))

    def _whole_part(self, content: bytes) -> bytes:
        """Returns the content without an answer that a kill cut off at the end."""
        num_bytes = content.rfind(b"\n") + 1
        if num_bytes or _is_cut_off_answer(content):
            return content[:num_bytes]
        return content

    def _read(self, text: str) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(io.StringIO(text), start=1):
            row = _parsed(line)
            if not row:
                raise ValueError(
                    "`answers` must be a new file or hold answers of an earlier start. "
                    f"Received: {str(self.path)!r}, whose line {number} is not an answer"
                )
            yield row


def _parsed(line: str | bytes) -> dict[str, Any]:
    """Returns the answer of a line; an empty one if the line holds none."""
    try:
        row = parse_json(line)
        return row if {"file", "model"} <= set(row) and set(row) & {"text", "error"} else {}
    except (ValueError, TypeError):
        return {}


def _is_cut_off_answer(content: bytes) -> bool:
    """Returns whether a file without a whole line holds an answer or the beginning of one."""
    try:
        parse_json(content)
    except ValueError:
        return content.startswith(b'{"file"')
    return bool(_parsed(content))
