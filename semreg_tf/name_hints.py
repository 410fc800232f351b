"""The hint that every refusal of an unknown name gives."""

import difflib
from collections.abc import Iterable


def closest_name(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is nearest to `name`, or None where none is near."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns the end of a sentence that refuses `name`.

    Args:
      name: what was given.
      known: what could have been given.

    Returns:
      ": did you mean 'x'?" where a known name is near, else ".".

    Example:
      >>> did_you_mean("cels", ["cells", "activation"])
      ": did you mean 'cells'?"
    """
    close = closest_name(name, known)
    return "." if close is None else f": did you mean {close!r}?"
