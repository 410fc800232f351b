"""One-line errors for faults of records that are found inside a tf.data pipeline."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf


class DamagedRecordError(ValueError):
    """A shard or a record that is not what was prepared; the message names it."""


# How TensorFlow quotes an exception of a Python function that a pipeline calls.
_QUOTED = re.compile(rf"\b{DamagedRecordError.__name__}: ([^\n]+)")


@contextlib.contextmanager
def plain_record_errors() -> Iterator[None]:
    """Turns TensorFlow's error about a Python function into the `DamagedRecordError` behind it.

    Every other error passes.

    Raises:
      DamagedRecordError: a record read inside the context, by any pipeline, is damaged.
    """
    try:
        yield
    except tf.errors.OpError as error:
        quoted = _QUOTED.search(error.message or "")
        if quoted is None:
            raise
        raise DamagedRecordError(quoted.group(1)) from None
