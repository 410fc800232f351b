"""Atomic writes of local files: a file is complete or absent."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file beside `path`, then renames it: a killed run leaves no half file.

    Args:
      path: the file to write or replace; missing parent folders are made.
      content: bytes, or text that is written in UTF-8.

    Raises:
      OSError: it cannot be written; a file that was there is as it was.

    Example:
      >>> write_whole("runs/joint/results.json", "{}")
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, file)


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes an object as indented JSON, whole or not at all."""
    write_whole(path, json.dumps(values, indent=2) + "\n")
