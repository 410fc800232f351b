"""Parsing of untrusted JSON, whose size is limited before it is parsed."""

from typing import Any

from semreg_tf.serving.limits import Refusal
from semreg_tf.text import text_files

# Every value of a JSON text except the first follows one of these.
_MARKS = (b",", b"[", b"{")


def parse_json(body: bytes | bytearray, max_values: int) -> Any:
    """Returns the value of a JSON text.

    NaN, infinities, half a surrogate pair and two members of one name, which Python accepts, are
    refused: RFC 8259 does not define their meaning.

    Args:
      body: the text in UTF-8.
      max_values: most values, counted by commas and opening brackets before parsing, since a parsed
        list of one-digit numbers takes twenty times its bytes.

    Raises:
      Refusal: 400 with the reason.

    Example:
      >>> parse_json(b'{"instances": [1, 2]}', 10)
      {'instances': [1, 2]}
    """
    marks = sum(body.count(mark) for mark in _MARKS)
    if marks > max_values:
        raise Refusal(
            400,
            f"The body has {marks:,} commas and opening brackets; at most {max_values:,} are "
            "allowed: send fewer user tags or numbers in one request.",
        )
    try:
        return text_files.parse_json(body.decode(), object_pairs_hook=_unique_members)
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in members if names.count(name) > 1)
        raise ValueError(f"an object has two members {ascii(repeated)[:60]}")
    return members
