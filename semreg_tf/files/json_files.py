"""Reading of JSON files that this project wrote, with errors that name a damaged file.

`semreg_tf.text.text_files` reads users' JSON files, with more checks.
"""

import json
import os
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any


class JsonError(ValueError):
    """The text is not JSON. The message is the reason; the caller adds the file."""


def parse_json(content: str | bytes, parse: Callable[[str], Any] = json.loads) -> Any:
    """Returns the value of JSON text.

    Args:
      content: text, or bytes in UTF-8, with or without a byte-order mark.
      parse: the parser; `text_files.parse_json` has more checks.

    Raises:
      JsonError: the text is not UTF-8 or not JSON, is nested too deeply, or a number is too long.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return parse(text)
    except (ValueError, RecursionError) as error:
        raise JsonError(json_reason(error)) from None


def json_reason(error: Exception) -> str:
    """Returns a short description of a JSON parser's error with its place."""
    match error:
        case json.JSONDecodeError():
            place = f"line {error.lineno}, column {error.colno}, character {error.pos:,}"
            return f"damaged or cut short at {place}: {error.msg}"
        case UnicodeDecodeError():
            return f"not UTF-8 at byte {error.start:,}: {error.reason}"
        case RecursionError():
            return "damaged: brackets are nested too deeply"
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
      argument: name of the user's argument, for error messages.
      fix: a sentence for the error message on how to fix it, such as "Export the run again."
      parse: as for `parse_json`.

    Raises:
      ValueError: the file is missing or is not complete JSON.
      OSError: the file cannot be read.

    Example:
      >>> read_json("runs/joint/config.json", "workdir")["stage"]
      'joint'
    """
    # Paths in a bucket are objects that can read themselves.
    file: Any = path if hasattr(path, "read_bytes") else Path(path)
    fix = f"{fix} " if fix else ""
    try:
        return parse_json(file.read_bytes(), parse)
    except FileNotFoundError:
        raise ValueError(
            f"`{argument}` must hold the file {file.name}: it is missing. {fix}"
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
    """Returns the object of a JSON file, as `read_json`, if it has the fields."""
    values = read_json(path, argument, fix)
    if isinstance(values, dict):
        missing = [name for name in fields if name not in values]
        if not missing:
            return values
        problem = f"it lacks {', '.join(missing)}"
    else:
        problem = "it is not a JSON object"
    raise ValueError(
        f"`{argument}` must hold a whole {os.path.basename(path)}: {problem}. "
        f"{fix + ' ' if fix else ''}Received: {fspath(path)!r}"
    )


def object_in(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns the object in a field of a JSON object, or {} if the field holds no object."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}
