"""One-line errors for damaged records that are detected inside a tf.data pipeline."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf


class DamagedRecordError(ValueError):
    """A shard or a record is damaged or was changed; the message names it."""


# The form in which TensorFlow quotes exceptions of Python functions called by a pipeline.
_QUOTED = re.compile(rf"\b{DamagedRecordError.__name__}: ([^\n]+)")


@contextlib.contextmanager
def plain_record_errors() -> Iterator[None]:
    """Replaces TensorFlow's error about a Python function by the original `DamagedRecordError`.

    Other errors are not changed.

    Raises:
      DamagedRecordError: a pipeline read a damaged record inside the context.
    """
    try:
        yield
    except tf.errors.OpError as error:
        quoted = _QUOTED.search(error.message or "")
        if quoted is None:
            raise
        raise DamagedRecordError(quoted.group(1)) from None
