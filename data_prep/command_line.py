"""How the commands of this folder fail: one line that says what and how to mend it."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns a refused argument into one line on stderr and the exit status 1."""
    try:
        yield
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
