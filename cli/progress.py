"""Progress of long work, on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

# Between two lines without a terminal.
_SECS = 30.0


def shown(
    items: Iterable[Any],
    what: str,
    total: int,
    earlier: int = 0,
    prints: bool = True,
) -> Iterator[Any]:
    """Yields items and shows on standard error how many have been yielded.

    On a terminal it shows a bar, unless the items are printed on that terminal too; in a file or a
    pipe it writes a line every 30 seconds.

    Args:
      items: the items.
      what: the work, as "annotating".
      total: number of items, earlier ones included.
      earlier: number of items done before.
      prints: whether each item is printed on standard output.
    """
    if sys.stderr.isatty():
        disable = prints and sys.stdout.isatty()
        yield from tqdm(items, what, total, initial=earlier, unit=" pictures", disable=disable)
        return
    last = time.monotonic()
    for done, item in enumerate(items, start=earlier + 1):
        yield item
        if time.monotonic() - last >= _SECS:
            last = time.monotonic()
            print(f"{what}: {done:,} of {total:,} pictures", file=sys.stderr, flush=True)
