"""Keras's policy of number formats, set for the making of models alone."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def dtype_policy_scope(precision: str) -> Iterator[None]:
    """Makes the models of the block compute in `precision`; what is made later is as before.

    Args:
      precision: "float32", "mixed_bfloat16" or "mixed_float16".
    """
    earlier = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(earlier)
