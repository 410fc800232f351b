"""A draw that hangs on the seed and each name alone, on no order and no library's version."""

import hashlib
from collections.abc import Iterable


def drawn_order(seed: int, names: Iterable[str]) -> list[str]:
    """Returns names in an order drawn by chance; the place of one depends on no other.

    Args:
      seed: another seed gives another order.
      names: distinct names, in any order.

    Example:
      >>> drawn_order(1, ["b", "a"]) == drawn_order(1, ["a", "b"])
      True
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
