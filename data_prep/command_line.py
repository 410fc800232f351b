"""How the commands of this folder speak: no chatter, and errors in one line."""

import contextlib
import sys
from collections.abc import Iterator

from absl import flags, logging


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns a refused argument or an unreadable file into one line on stderr, exit status 1.

    TFDS warns of folders that it is about to fill, so log messages below an error are held back,
    unless `--verbosity` was given.
    """
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
