"""Changes of a config, by which experiments differ from their data set's base."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from semreg_tf.config import Config

Change = Callable[[Config], Config]


def with_fields(base: Config, **fields: Any) -> Config:
    """Returns a config with other fields; a dict changes these fields of a section.

    Example:
      >>> with_fields(base, stages=("joint",), decoder={"activation": "tanh"})
    """
    values = {
        name: replace(getattr(base, name), **value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    return replace(base, **values)


def setting(**fields: Any) -> Change:
    """Returns a function that changes a config by `with_fields`."""
    return lambda base: with_fields(base, **fields)
