"""Answers in an SQLite database, one transaction per answer."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import check_same_model, picture_key, write_error
from semreg_tf.annotating.photo_words import caption_of
from semreg_tf.data.picture_files import printable

# The column `answer` holds the whole answer as JSON; other columns and tables are for queries.
_SCHEMA = """
CREATE TABLE pictures (
  file TEXT PRIMARY KEY, model TEXT NOT NULL, caption TEXT, error TEXT, answer TEXT NOT NULL);
CREATE TABLE captions (
  file TEXT NOT NULL, place INTEGER NOT NULL, caption TEXT NOT NULL, score REAL,
  PRIMARY KEY (file, place));
CREATE TABLE tags (
  file TEXT NOT NULL, place INTEGER NOT NULL, tag TEXT NOT NULL, probability REAL,
  PRIMARY KEY (file, place));
CREATE TABLE concepts (
  file TEXT NOT NULL, place INTEGER NOT NULL, concept TEXT NOT NULL, probability REAL,
  PRIMARY KEY (file, place));
CREATE INDEX tags_by_name ON tags (tag);
"""
_COLUMNS = {
    "pictures": ["file", "model", "caption", "error", "answer"],
    "captions": ["file", "place", "caption", "score"],
    "tags": ["file", "place", "tag", "probability"],
    "concepts": ["file", "place", "concept", "probability"],
}


class SqliteAnswers:
    """A database of answers from which a stopped job resumes.

    Attributes:
      rows: answers of earlier starts, by `picture_key`.

    Args:
      path: the file, new or with answers; tables that somebody added to it are kept.
      model_id: the id of the model; answers of another model are refused.

    Raises:
      ValueError: the file is not a database, is one without the tables of answers, holds another
        model's answers, or another process writes it. The file is unchanged.
    """

    def __init__(self, path: str | Path, model_id: str) -> None:
        self.path = Path(path)
        # Without an explicit BEGIN each statement is one transaction.
        self._database = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            is_new = self._check_tables()
            # The lock is held until the database is closed, so that a second writer fails at once.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA if is_new else ''} COMMIT")
            rows = self._database.execute("SELECT model, answer, file FROM pictures").fetchall()
        except sqlite3.Error as error:
            self._database.close()
            raise ValueError(
                "`answers` must be a new file or an SQLite database of answers that no other "
                f"process writes ({error}). Received: {str(path)!r}"
            ) from error
        other = next((model for model, *_ in rows if model != model_id), None)
        if other is not None:
            self._database.close()
            check_same_model(self.path, other, model_id)
        answers = [json.loads(answer) for _, answer, _ in rows]
        self.rows: dict[str, dict[str, Any]] = {picture_key(answer): answer for answer in answers}
        # `pictures.file` by picture, and the reverse.
        self._files = dict(zip(self.rows, (file for *_, file in rows), strict=True))
        self._keys = {file: key for key, file in self._files.items()}

    def _check_tables(self) -> bool:
        """Returns whether the database is empty; one that is not empty must have our tables."""
        names = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master")}
        for table, columns in _COLUMNS.items() if names else ():
            query = "SELECT name FROM pragma_table_info(?)"
            if [name for (name,) in self._database.execute(query, [table])] != columns:
                raise sqlite3.DatabaseError(f"it has other tables, and no {table} of answers")
        return not names

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes an answer to all tables or to none.

        Raises:
          OSError: the disk is full; earlier answers are kept.
        """
        file, caption = self._name(row), None if "error" in row else caption_of(row)
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
            raise write_error(self.path, error) from error

    def _name(self, row: Mapping[str, Any]) -> str:
        """Returns the value of `file`: the absolute path if another picture has the name."""
        key, file = picture_key(row), printable(row["file"])
        if self._keys.get(file, key) not in (key, row["file"]):
            file = printable(key)
        file = self._files.setdefault(key, file)
        self._keys[file] = key
        return file

    def close(self) -> None:
        """Closes the database, so that another process can resume."""
        self._database.close()


def _lists(row: Mapping[str, Any], caption: str | None) -> dict[str, list[tuple[str, Any]]]:
    labels = row.get("labels") or []
    scores = row.get("label_scores") or [None] * len(labels)
    return {
        "captions": [] if caption is None else [tuple(pair) for pair in row["n_best"]],
        "tags": list(zip(labels, scores, strict=True)),
        "concepts": [tuple(pair) for pair in row.get("concepts", ())],
    }
