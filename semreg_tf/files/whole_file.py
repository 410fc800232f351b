"""Atomic writes of local files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file under another name, then renames it, so that `path` is never incomplete.

    Missing parent folders are created; text is written in UTF-8.

    Raises:
      OSError: the file cannot be written; an existing file is unchanged.

    Example:
      >>> write_whole("runs/joint/results.json", "{}")
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, file)


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes an object as indented JSON, atomically."""
    write_whole(path, json.dumps(values, indent=2) + "\n")
