"""`history.jsonl`: a row per validation, for the curves of the report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.files.json_files import JsonError, parse_json
from semreg_tf.files.whole_file import write_whole

HISTORY_FILE = "history.jsonl"


def append_row(workdir: Path, step: int, elapsed_secs: float, values: dict[str, Any]) -> None:
    """Appends a row with the step, the seconds of training so far, and `values`.

    Raises:
      OSError: the file cannot be written.
    """
    row = {"step": step, "elapsed_secs": round(elapsed_secs, 3), **values}
    try:
        with open(workdir / HISTORY_FILE, "a", encoding="utf-8") as f:
            f.write(json.dumps(row) + "\n")
    except OSError as error:
        raise OSError(
            f"`workdir` must be writable for the row of step {step} in {HISTORY_FILE}; earlier "
            f"rows are intact. Received: workdir={str(workdir)!r} ({error.strerror})"
        ) from error


def rewind(workdir: Path, step: int) -> None:
    """Removes the rows after `step`, which a resumed run writes again, and an incomplete row."""
    path = workdir / HISTORY_FILE
    if not path.exists():
        return
    content = path.read_bytes()
    *lines, _ = content.split(b"\n")
    rows = read_rows(path, lines)
    earlier = b"".join(x + b"\n" for x, row in zip(lines, rows, strict=True) if row["step"] <= step)
    if earlier != content:
        write_whole(path, earlier)


def read_rows(path: Path, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Parses the rows of the file's lines.

    Raises:
      ValueError: a line is damaged; the message gives its number.
    """
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line)
            reason = "not a row with a step"
        except JsonError as error:
            row, reason = None, str(error)
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise ValueError(
                f"`workdir` must hold a whole {HISTORY_FILE}: line {number} is {reason}. Delete "
                f"the line. Received: {str(path)!r}, {line[:60]!r}"
            )
        rows.append(row)
    return rows
