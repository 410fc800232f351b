"""Console output of the binaries: one-line errors, the log, and plain text tables."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from absl import logging as absl_logging


@contextlib.contextmanager
def plain_errors(*more: type[Exception], keep_lines: bool = False) -> Iterator[None]:
    """Prints a user's error as one line, exits with status 2, and shows this library's log.

    Args:
      *more: further exceptions that are treated like ValueError, TypeError and OSError.
      keep_lines: whether a message of several lines, such as a list of problems, is printed as
        several lines.
    """
    refusals: tuple[type[Exception], ...] = (ValueError, TypeError, OSError, *more)
    try:
        with _library_log():
            yield
    except BrokenPipeError:
        # The reader of the output closed it, as `head` does, which is not an error.
        raise
    except refusals as error:
        text = str(error) if keep_lines else " ".join(str(error).split())
        print(f"error: {text}", file=sys.stderr)
        raise SystemExit(2) from None


@contextlib.contextmanager
def _library_log() -> Iterator[None]:
    """Shows this library's messages on stderr without prefix, and only warnings of others."""
    # Setting the level alone has no effect: absl resets it when its handler is requested again.
    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logger, handler = logging.getLogger("semreg_tf"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(handler)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Returns a plain text table; the first column is left-aligned, the others right-aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])
