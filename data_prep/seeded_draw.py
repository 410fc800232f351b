"""A random order of names that does not depend on their given order or on library versions."""

import hashlib
from collections.abc import Iterable


def drawn_order(seed: int, names: Iterable[str]) -> list[str]:
    """Returns distinct names in a random order: sorted by a hash of the seed and the name.

    The relative order of two names does not depend on the other names.

    Example:
      >>> drawn_order(1, ["b", "a"]) == drawn_order(1, ["a", "b"])
      True
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
