"""Progress of work that takes minutes, kept apart from what a command prints."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

# Between two lines where there is no terminal.
_SECS = 30.0


def shown(
    items: Iterable[Any],
    what: str,
    total: int,
    earlier: int = 0,
    unit: str = " pictures",
    prints: bool = True,
) -> Iterator[Any]:
    """Yields items and shows on standard error how many have come.

    On a terminal that is a bar, but not where the answers themselves come to that terminal: they
    show the progress, and a bar would be drawn between them. Where standard error is a file or a
    pipe it is a line now and then, for a bar is drawn over itself.

    Args:
      items: what is done.
      what: is done, as "annotating".
      total: how many there are.
      earlier: of these, done before.
      unit: what they are.
      prints: whether each item is printed on standard output.
    """
    if sys.stderr.isatty():
        disable = prints and sys.stdout.isatty()
        yield from tqdm(items, what, total, initial=earlier, unit=unit, disable=disable)
        return
    last = time.monotonic()
    for done, item in enumerate(items, start=earlier + 1):
        yield item
        if time.monotonic() - last >= _SECS:
            last = time.monotonic()
            print(f"{what}: {done:,} of {total:,}{unit}", file=sys.stderr, flush=True)
