"""The JSON that this project writes, whole or not at all, and reads: damage is a named ValueError.

What people give is read by `semreg_tf.text.text_files`, which refuses more.
"""

import json
import os
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any


class JsonError(ValueError):
    """Text that is no JSON; the message is the reason alone, for the caller to name the file."""


def parse_json(content: str | bytes, parse: Callable[[str], Any] = json.loads) -> Any:
    """Returns the value of JSON text.

    Args:
      content: text, or bytes in UTF-8, with or without a byte-order mark.
      parse: of the text; `text_files.parse_json` refuses more.

    Raises:
      JsonError: it is no UTF-8, no JSON, nested too deeply, or holds an endless number.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return parse(text)
    except (ValueError, RecursionError) as error:
        raise JsonError(json_reason(error)) from None


def json_reason(error: Exception) -> str:
    """Returns in a few words why a JSON parser refused a text, and where."""
    match error:
        case json.JSONDecodeError():
            place = f"line {error.lineno}, column {error.colno}, character {error.pos:,}"
            return f"damaged or cut short at {place}: {error.msg}"
        case UnicodeDecodeError():
            return f"no UTF-8 at byte {error.start:,}: {error.reason}"
        case RecursionError():
            return "damaged: brackets within brackets, too deep to be read"
    return str(error)


def read_json(
    path: str | PathLike[str],
    argument: str,
    fix: str = "",
    parse: Callable[[str], Any] = json.loads,
) -> Any:
    """Returns the value of a JSON file.

    Args:
      path: the file.
      argument: what messages call the folder or file that the user gave.
      fix: a sentence that says what helps, such as "Export the run again."
      parse: as for `parse_json`.

    Raises:
      ValueError: the file is not there or is no whole JSON; it is named.
      OSError: it cannot be read.

    Example:
      >>> read_json("runs/joint/config.json", "workdir")["stage"]
      'joint'
    """
    # A path in a bucket has its own reader.
    file: Any = path if hasattr(path, "read_bytes") else Path(path)
    fix = f"{fix} " if fix else ""
    try:
        return parse_json(file.read_bytes(), parse)
    except FileNotFoundError:
        raise ValueError(
            f"`{argument}` must hold the file {file.name}: it is not there. {fix}"
            f"Received: {fspath(path)!r}"
        ) from None
    except JsonError as error:
        raise ValueError(
            f"`{argument}` must hold a whole {file.name}: it is {error}. {fix}"
            f"Received: {fspath(path)!r}"
        ) from None


def read_json_object(
    path: str | PathLike[str], argument: str, fix: str = "", fields: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns a JSON file that must hold one object.

    Args:
      path: as for `read_json`.
      argument: as for `read_json`.
      fix: as for `read_json`.
      fields: names that the object must have.

    Raises:
      ValueError: as `read_json`, or the file holds something else or lacks a field.
      OSError: the file cannot be read.
    """
    values = read_json(path, argument, fix)
    if isinstance(values, dict):
        missing = [name for name in fields if name not in values]
        if not missing:
            return values
        wrong = f"it lacks {', '.join(missing)}"
    else:
        wrong = "it holds no JSON object"
    raise ValueError(
        f"`{argument}` must hold a whole {os.path.basename(path)}: {wrong}. "
        f"{fix + ' ' if fix else ''}Received: {fspath(path)!r}"
    )


def object_in(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns the object that a JSON object has under a name, {} where it has none."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}
