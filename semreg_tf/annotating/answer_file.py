"""A file of answers, one JSON object a line, that a job stopped at any moment goes on with.

A path is written as Python holds it; a byte of a name that is not UTF-8 is the escape of a lone
surrogate, and `os.fsencode(json.loads(line)["file"])` gives the bytes back.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semreg_tf.annotating.picture_list import Picture
from semreg_tf.data.picture_files import printable
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.json_files import parse_json
from semreg_tf.inference import ImageAnnotation

TOP_CONCEPTS = 10


def answer_row(
    picture: Picture, annotation: ImageAnnotation, model_id: str, copy: str | None = None
) -> dict[str, Any]:
    """Returns a picture's answer as JSON values.

    Args:
      picture: the file.
      annotation: what the model says of it.
      model_id: of the weights that said it.
      copy: the file with the caption under the picture, if there is one.

    Returns:
      `file`, `model`, and `error`; or `text`, `n_best`, the most probable `concepts`, content
      words first, of a tag model `labels` and `n_best_labels` as lists and `label_scores`, of a
      model of captions and tags also the most probable `label_probabilities`, with user tags
      `unknown_user_tags`, and `copy` if there is one.
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


def json_line(row: dict[str, Any]) -> str:
    """Returns an answer as one line of JSON that can be written as UTF-8, whatever its path."""
    return printable(json.dumps(row, ensure_ascii=False))


def check_same_model(path: Path, there: str, model_id: str) -> None:
    """Refuses to add to another model's answers.

    Raises:
      ValueError: as said.
    """
    if there != model_id:
        raise ValueError(
            "`answers` must be new or hold this model's answers: another's are there. "
            f"Received: {str(path)!r}, of model {there}, not {model_id}"
        )


def no_room(path: Path, error: Exception) -> OSError:
    """Returns the error of a file that could not take an answer."""
    return OSError(
        getattr(error, "errno", None),
        "`answers` could not take an answer; those before are kept. Make room and start "
        f"the same command again. Received: {str(path)!r} "
        f"({getattr(error, 'strerror', None) or error})",
    )


class AnswerFile:
    """Answers on disk. Lines are whole: what a kill tore at the end is cut off at the next start.

    Attributes:
      rows: what earlier starts answered, by file.

    Args:
      path: the file, there or not.
      model_id: answers of another model are refused.

    Raises:
      ValueError: the file holds something else, or another model's answers, or another process
        writes it.
    """

    def __init__(self, path: str | Path, model_id: str) -> None:
        self.path = Path(path)
        self.rows: dict[str, dict[str, Any]] = {}
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), "answers", path)
        try:
            self._read_earlier(model_id)
            # A form of answers ends its own lines.
            self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115
            self._begin()
        except BaseException:
            self._lock.close()
            raise

    def _read_earlier(self, model_id: str) -> None:
        if self.path.exists():
            self._mend()
            for row in self._read():
                check_same_model(self.path, row["model"], model_id)
                self.rows[row["file"]] = row

    def _begin(self) -> None:
        """Writes what stands before the first answer."""

    def _line(self, row: dict[str, Any]) -> str:
        return json_line(row) + "\n"

    def append(self, row: dict[str, Any]) -> None:
        """Writes an answer; it is in the system's hands when this returns.

        Raises:
          OSError: the disk is full; the answers before are kept.
        """
        try:
            self._write(self._line(row))
        except OSError as error:
            raise no_room(self.path, error) from error

    def _write(self, line: str) -> None:
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Closes the file, for another process to go on with."""
        with contextlib.suppress(OSError):
            # What a full disk refused is refused again.
            self._file.close()
        self._lock.close()

    def _mend(self) -> None:
        with open(self.path, "rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            # A file without one whole line may be anybody's: it is cut only if it begins as ours.
            if whole or content.startswith(b'{"file"'):
                file.truncate(whole)
            os.fsync(file.fileno())

    def _read(self) -> Iterator[dict[str, Any]]:
        with open(self.path, encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                try:
                    row = parse_json(line)
                    known = {"file", "model"} <= set(row) and ("text" in row or "error" in row)
                except (ValueError, TypeError):
                    known = False
                if not known:
                    raise ValueError(
                        "`answers` must be new or hold answers of an earlier start. "
                        f"Received: {str(self.path)!r}, whose line {number} is none"
                    )
                yield row
