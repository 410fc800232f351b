"""The base of all configs: pydantic checks types, choices and bounds of fields at construction."""

import functools
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

Kind = TypeVar("Kind", bound=type)
_LONGEST_SHOWN = 200
# Of pydantic's messages.
_WORDS = {
    ": Input should": " must",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


def number(default: float | None, minimum: float, maximum: float | None = None) -> Any:
    """Returns a field with a default and bounds; a whole `minimum` bounds whole numbers."""
    # Whole numbers above 2**53 are not exact as JSON.
    largest = 2**53 if isinstance(minimum, int) and maximum is None else maximum
    return pydantic.Field(default, ge=minimum, le=largest)


@dataclass_transform(frozen_default=True)
def config_class(cls: Kind) -> Kind:
    """Makes a class a frozen dataclass whose constructor refuses what its fields do not allow.

    A method `check`, where there is one, holds fields against each other.

    The constructor raises a ValueError of one line: the first wrong field, what it must be, and
    what came.

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
    """Returns one line on the first thing that pydantic refuses.

    Args:
      error: pydantic's.
      section: what stands before a field's name, such as "config.".
    """
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{message} (in {section}{name})" if name else message
    said = f": {first['msg']}"
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    value = repr(first["input"])
    if len(value) > _LONGEST_SHOWN:
        value = f"{value[:_LONGEST_SHOWN]}..."
    return f"`{section}{name}`{said}. Received: {name}={value}"


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


# Of choices among whole numbers: True equals 1.
NO_BOOLEAN = pydantic.BeforeValidator(_refuse_boolean)


class Checked:
    """Base of all configs: fields are checked at construction, then against each other."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Checks between fields; overridden where there are any."""
