"""Reads text and JSON files that users give; a fault is one line."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

BOM = "\ufeff"
_BOM_BYTES = b"\xef\xbb\xbf"
# JSON text up to the first half of a surrogate pair.
_NO_LONE_ESCAPE = re.compile(
    r"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+", re.DOTALL
)
CARRIAGE_RETURNS = "the lines end in CR alone, as old Mac programs write them: save it with LF"


def read_text(path: str | os.PathLike[str], argument: str = "path") -> str:
    """Returns the text of a UTF-8 file; a byte order mark at its start is passed over.

    Args:
      path: the file.
      argument: what the caller's user calls it.

    Raises:
      ValueError: it is no UTF-8; the place is named.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    return decode(content, argument, f"{argument}={os.fspath(path)!r}")


def decode(content: bytes, argument: str, received: str) -> str:
    """Returns the text of UTF-8 bytes without a byte order mark.

    Args:
      content: the file's.
      argument: what the caller's user calls it.
      received: names the file in the message.

    Raises:
      ValueError: they are no UTF-8; the place is named.
    """
    why = why_no_text(content)
    if why is not None:
        raise ValueError(f"`{argument}` must be a UTF-8 file: {why}. Received: {received}")
    try:
        return without_bom(content).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"`{argument}` must be a UTF-8 file: {error.reason} at byte {error.start}, on line "
            f"{line}. Received: {received}"
        ) from None


def why_no_text(content: bytes) -> str | None:
    """Names the kind of a file that is not UTF-8 text, and what to do; None: it may be text."""
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
    """Returns the value of JSON text; every fault raises the same kind of error.

    Args:
      text: the text; a byte order mark at its start is passed over.
      **options: of `json.loads`, such as `object_pairs_hook`.

    Raises:
      json.JSONDecodeError: no JSON; also NaN and Infinity, thousands of digits or brackets, and
        half of a surrogate pair, which no UTF-8 file can hold.
    """
    text = text.removeprefix(BOM)
    try:
        values = json.loads(text, parse_constant=_no_number(text), **options)
    except RecursionError:
        raise json.JSONDecodeError("Brackets nested too deeply", text, 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "integer string conversion" not in str(error):
            raise
        digits = re.search(r"\d{1000,}", text)
        place = digits.start() if digits else 0
        raise json.JSONDecodeError("A number of thousands of digits", text, place) from None
    half = _lone_escape(text)
    if half is not None:
        message = f"Half of a surrogate pair ({text[half : half + 6]})"
        raise json.JSONDecodeError(message, text, half)
    return values


def _no_number(text: str) -> Callable[[str], Any]:
    def refuse(name: str) -> Any:
        raise json.JSONDecodeError(f"{name} is no JSON number", text, max(text.find(name), 0))

    return refuse


def _lone_escape(text: str) -> int | None:
    r"""Returns the place of a `\ud800` to `\udfff` that is not one half of a pair."""
    found = _NO_LONE_ESCAPE.match(text)
    return found.end() if found and found.end() < len(text) else None
