"""Output of binaries: a user's mistake is one line on stderr and exit status 2."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from absl import logging as absl_logging


@contextlib.contextmanager
def plain_errors(*more: type[Exception], keep_lines: bool = False) -> Iterator[None]:
    """Turns a refused argument into one line and exit status 2; the log shows what is loaded.

    Args:
      *more: exceptions beside ValueError, TypeError and OSError whose message is for the user.
      keep_lines: whether a message of several lines, such as a list of problems, stays so.
    """
    refusals: tuple[type[Exception], ...] = (ValueError, TypeError, OSError, *more)
    try:
        with _own_log():
            yield
    except BrokenPipeError:
        # The reader of the output has closed it, as `head` does; that is no mistake.
        raise
    except refusals as error:
        text = str(error) if keep_lines else " ".join(str(error).split())
        print(f"error: {text}", file=sys.stderr)
        raise SystemExit(2) from None


@contextlib.contextmanager
def _own_log() -> Iterator[None]:
    """Shows this library's messages on stderr without prefixes, and only the warnings of others."""
    # Setting the level alone has no effect: absl resets it when its handler is requested again.
    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    own, handler = logging.getLogger("semreg_tf"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    try:
        yield
    finally:
        own.propagate = True
        own.removeHandler(handler)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Returns a plain text table, the first column left, the rest right aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])
