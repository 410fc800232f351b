"""JSON from a stranger: bounded before anything is built of it."""

from typing import Any

from semreg_tf.serving.limits import Refusal
from semreg_tf.text import text_files

# Every value of a JSON text but the first follows one of these.
_MARKS = (b",", b"[", b"{")


def parse_json(body: bytes | bytearray, max_values: int) -> Any:
    """Returns the value of a JSON text.

    RFC 8259 leaves to the reader what Python accepts: NaN and infinities, half a surrogate pair,
    two members of one name. None of them has one meaning, so none is taken.

    Args:
      body: in UTF-8.
      max_values: more values, counted by the commas and brackets of the whole text, are refused
        before any is built: a list of one-digit numbers takes twenty times its bytes.

    Raises:
      Refusal: 400, with what is wrong.

    Example:
      >>> parse_json(b'{"instances": [1, 2]}', 10)
      {'instances': [1, 2]}
    """
    marks = sum(body.count(mark) for mark in _MARKS)
    if marks > max_values:
        raise Refusal(
            400,
            f"The body has {marks:,} commas and opening brackets; at most {max_values:,} are "
            "taken: fewer user tags or numbers in one request.",
        )
    try:
        return text_files.parse_json(body.decode(), object_pairs_hook=_named_once)
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from None


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ValueError(f"an object has two members {ascii(twice)[:60]}")
    return members
