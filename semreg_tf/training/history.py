"""`history.jsonl`: one row a validation, from which the report draws its curves."""

import json
import os
from pathlib import Path
from typing import Any

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
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [x for x in lines if x.endswith("\n") and json.loads(x)["step"] <= step]
    if kept != lines:
        partial = path.with_suffix(".partial")
        partial.write_text("".join(kept), encoding="utf-8")
        os.replace(partial, path)
