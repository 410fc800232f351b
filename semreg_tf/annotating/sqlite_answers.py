"""Answers in an SQLite database, one transaction an answer."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import check_same_model, no_room
from semreg_tf.annotating.photo_words import caption_of
from semreg_tf.data.picture_files import printable

# `answer` holds all of it as JSON; the other tables are for queries.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (
  file TEXT PRIMARY KEY, model TEXT NOT NULL, caption TEXT, error TEXT, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS captions (
  file TEXT NOT NULL, place INTEGER NOT NULL, caption TEXT NOT NULL, score REAL,
  PRIMARY KEY (file, place));
CREATE TABLE IF NOT EXISTS tags (
  file TEXT NOT NULL, place INTEGER NOT NULL, tag TEXT NOT NULL, probability REAL,
  PRIMARY KEY (file, place));
CREATE TABLE IF NOT EXISTS concepts (
  file TEXT NOT NULL, place INTEGER NOT NULL, concept TEXT NOT NULL, probability REAL,
  PRIMARY KEY (file, place));
CREATE INDEX IF NOT EXISTS tags_by_name ON tags (tag);
"""


class SqliteAnswers:
    """A database of answers that a job stopped at any moment goes on with.

    Attributes:
      rows: what earlier starts answered, by file.

    Args:
      path: the file, there or not; tables of other programs in it stay.
      model_id: answers of another model are refused.

    Raises:
      ValueError: the file is no database, holds tables of these names with other columns or
        another model's answers, or another process writes it.
    """

    def __init__(self, path: str | Path, model_id: str) -> None:
        self.path = Path(path)
        # Each statement is a transaction of its own unless it says otherwise.
        self._database = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.executescript(_SCHEMA)
            # Held to the end: a second writer is told at once.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.executescript("BEGIN IMMEDIATE; COMMIT")
            found = self._database.execute("SELECT file, model, answer FROM pictures").fetchall()
        except sqlite3.Error as error:
            self._database.close()
            raise ValueError(
                "`answers` must be new or an SQLite database of answers that no other process "
                f"writes ({error}). Received: {str(path)!r}"
            ) from error
        other = next((model for _, model, _ in found if model != model_id), None)
        if other is not None:
            self._database.close()
            check_same_model(self.path, other, model_id)
        answers = [json.loads(answer) for _, _, answer in found]
        self.rows: dict[str, dict[str, Any]] = {answer["file"]: answer for answer in answers}

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes an answer to all tables or to none.

        Raises:
          OSError: the disk is full; the answers before are kept.
        """
        file, caption = printable(row["file"]), None if "error" in row else caption_of(row)
        try:
            with self._database:
                self._database.execute("BEGIN")
                self._database.execute(
                    "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?)",
                    (file, row["model"], caption, row.get("error"), json.dumps(row)),
                )
                for table, pairs in _lists(row, caption).items():
                    self._database.execute(f"DELETE FROM {table} WHERE file = ?", (file,))
                    self._database.executemany(
                        f"INSERT INTO {table} VALUES (?, ?, ?, ?)",
                        [(file, place, *pair) for place, pair in enumerate(pairs, start=1)],
                    )
        except sqlite3.Error as error:
            raise no_room(self.path, error) from error

    def close(self) -> None:
        """Closes the database, for another process to go on with."""
        self._database.close()


def _lists(row: Mapping[str, Any], caption: str | None) -> dict[str, list[tuple[str, Any]]]:
    labels = row.get("labels") or []
    scores = row.get("label_scores") or [None] * len(labels)
    return {
        "captions": [] if caption is None else [tuple(pair) for pair in row["n_best"]],
        "tags": list(zip(labels, scores, strict=True)),
        "concepts": [tuple(pair) for pair in row.get("concepts", ())],
    }
