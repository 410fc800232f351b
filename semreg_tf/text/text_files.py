"""Reading of users' text and JSON files, with errors of one line."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

BOM = "\ufeff"
_BOM_BYTES = b"\xef\xbb\xbf"
# JSON text up to the first escaped lone surrogate.
_NO_LONE_ESCAPE = re.compile(
    r"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+", re.DOTALL
)
CARRIAGE_RETURNS = "the lines end in CR alone, as old Mac programs write them: save it with LF"


def read_text(path: str | os.PathLike[str], argument: str = "path") -> str:
    """Returns the text of a UTF-8 file without its byte order mark.

    Raises:
      ValueError: the file is not UTF-8; the error names the place.
      OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    return decode(content, argument, f"{argument}={os.fspath(path)!r}")


def decode(content: bytes, argument: str, received: str) -> str:
    """Returns the text of UTF-8 bytes without a byte order mark; errors end in `received`.

    Raises:
      ValueError: the bytes are not UTF-8; the error names the place.
    """
    problem = why_no_text(content)
    if problem is not None:
        raise ValueError(f"`{argument}` must hold UTF-8 text: {problem}. Received: {received}")
    try:
        return without_bom(content).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"`{argument}` must hold UTF-8 text: {error.reason} at byte {error.start}, on line "
            f"{line}. Received: {received}"
        ) from None


def why_no_text(content: bytes) -> str | None:
    """Returns the kind of a file that is not UTF-8 text, and the fix; None if it may be text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the file is UTF-16: save it as UTF-8"
    if content.startswith(b"PK\x03\x04"):
        return "the file is a workbook or an archive: save it as CSV UTF-8"
    return None


def without_bom(content: bytes) -> bytes:
    """Returns bytes without a byte order mark at their start."""
    return content.removeprefix(_BOM_BYTES)


def ends_in_carriage_returns(content: bytes) -> bool:
    """Returns whether the lines of a file are separated by CR alone."""
    return b"\n" not in content and b"\r" in content.rstrip(b"\r")


def parse_json(text: str, **options: Any) -> Any:
    """Returns the value of JSON text.

    Args:
      text: the text; a byte order mark at its start is ignored.
      **options: options of `json.loads`, such as `object_pairs_hook`.

    Raises:
      json.JSONDecodeError: the text is not JSON, or has NaN, Infinity, thousands of digits or
        brackets, or half of a surrogate pair, which UTF-8 cannot encode.
    """
    text = text.removeprefix(BOM)
    try:
        values = json.loads(text, parse_constant=_constant_refuser(text), **options)
    except RecursionError:
        raise json.JSONDecodeError("Brackets nested too deeply", text, 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "integer string conversion" not in str(error):
            raise
        digits = re.search(r"\d{1000,}", text)
        position = digits.start() if digits else 0
        raise json.JSONDecodeError("A number of thousands of digits", text, position) from None
    half = _lone_escape(text)
    if half is not None:
        message = f"Half of a surrogate pair ({text[half : half + 6]})"
        raise json.JSONDecodeError(message, text, half)
    return values


def _constant_refuser(text: str) -> Callable[[str], Any]:
    def refuse(name: str) -> Any:
        raise json.JSONDecodeError(f"{name} is not a JSON number", text, max(text.find(name), 0))

    return refuse


def _lone_escape(text: str) -> int | None:
    r"""Returns the position of the first `\ud800` to `\udfff` that is not part of a pair."""
    match = _NO_LONE_ESCAPE.match(text)
    return match.end() if match and match.end() < len(text) else None
