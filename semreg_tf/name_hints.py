"""Hints for error messages about unknown names."""

import difflib
from collections.abc import Iterable


def closest_name(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is most similar to `name`, or None if none is similar."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns ": did you mean 'x'?" if a known name is similar to an unknown one, else ".".

    Example:
      >>> did_you_mean("cels", ["cells", "activation"])
      ": did you mean 'cells'?"
    """
    close = closest_name(name, known)
    return "." if close is None else f": did you mean {close!r}?"
