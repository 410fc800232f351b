"""The base class of all configs; pydantic checks types, choices and bounds at construction."""

import functools
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

Kind = TypeVar("Kind", bound=type)
_LONGEST_SHOWN = 200
# Replacements in pydantic's messages.
_WORDS = {
    ": Input should": " must",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


def number(default: float | None, minimum: float, maximum: float | None = None) -> Any:
    """Returns a field with a default and bounds; an integer `minimum` is for integer fields."""
    # Integers above 2**53 are not exact in JSON.
    largest = 2**53 if isinstance(minimum, int) and maximum is None else maximum
    return pydantic.Field(default, ge=minimum, le=largest)


@dataclass_transform(frozen_default=True)
def config_class(cls: Kind) -> Kind:
    """Makes a class a frozen dataclass whose constructor checks its fields.

    The class's method `check`, if any, checks combinations of fields. The constructor raises a
    ValueError of one line: the first invalid field, the requirement, and the received value.

    Example:
      >>> DecodingConfig(beam_width=0)
      ValueError: `beam_width` must be at least 1. Received: beam_width=0
    """
    rules = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    checked = dataclass(frozen=True, config=rules)(cls)
    build = checked.__init__

    @functools.wraps(build)
    def init(self: Any, *args: Any, **fields: Any) -> None:
        try:
            build(self, *args, **fields)
        except pydantic.ValidationError as error:
            raise ValueError(refusal(error)) from None

    checked.__init__ = init  # type: ignore[method-assign]
    return checked  # type: ignore[return-value]


def refusal(error: pydantic.ValidationError, section: str = "") -> str:
    """Returns the first error of pydantic as one line, with a prefix of the field's name."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{message} (in {section}{name})" if name else message
    requirement = f": {first['msg']}"
    for theirs, ours in _WORDS.items():
        requirement = requirement.replace(theirs, ours)
    value = repr(first["input"])
    if len(value) > _LONGEST_SHOWN:
        value = f"{value[:_LONGEST_SHOWN]}..."
    return f"`{section}{name}`{requirement}. Received: {name}={value}"


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


# For choices among integers, because True equals 1.
NO_BOOLEAN = pydantic.BeforeValidator(_refuse_boolean)


class Checked:
    """Base class of all configs, whose fields are checked at construction."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Checks combinations of fields; subclasses override it."""
