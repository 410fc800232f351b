"""`history.jsonl`: one row a validation, from which the report draws its curves."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.files.json_files import JsonError, parse_json
from semreg_tf.files.whole_file import write_whole

HISTORY_FILE = "history.jsonl"


def append_row(workdir: Path, step: int, elapsed_secs: float, values: dict[str, Any]) -> None:
    """Adds a row: the step, the seconds of training so far, and `values`.

    Raises:
      OSError: the file cannot be written.
    """
    row = {"step": step, "elapsed_secs": round(elapsed_secs, 3), **values}
    try:
        with open(workdir / HISTORY_FILE, "a", encoding="utf-8") as f:
            f.write(json.dumps(row) + "\n")
    except OSError as error:
        raise OSError(
            f"`workdir` could not take the row of step {step} in {HISTORY_FILE}; what was there is "
            f"intact. Received: workdir={str(workdir)!r} ({error.strerror})"
        ) from error


def rewind(workdir: Path, step: int) -> None:
    """Drops the rows after `step`, which a resumed run writes again, and one that was cut short."""
    path = workdir / HISTORY_FILE
    if not path.exists():
        return
    content = path.read_bytes()
    *lines, _ = content.split(b"\n")
    rows = read_rows(path, lines)
    kept = b"".join(x + b"\n" for x, row in zip(lines, rows, strict=True) if row["step"] <= step)
    if kept != content:
        write_whole(path, kept)


def read_rows(path: Path, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Returns the rows that lines of the file hold.

    Raises:
      ValueError: a line is damaged; it is named.
    """
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line)
            reason = "no row with a step"
        except JsonError as error:
            row, reason = None, str(error)
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise ValueError(
                f"`workdir` must hold a whole {HISTORY_FILE}: line {number} is {reason}. Delete "
                f"the line. Received: {str(path)!r}, {line[:60]!r}"
            )
        rows.append(row)
    return rows
