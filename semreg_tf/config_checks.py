"""The base of all configs: choices and bounds that a field names are checked at construction."""

import dataclasses
import sys
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

_LARGEST = sys.float_info.max


def number(default: float | None, minimum: float, maximum: float | None = None) -> Any:
    """Returns a dataclass field with a default and bounds that `Checked` holds."""
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


def check_number(name: str, value: Any, hint: Any, minimum: float, maximum: float | None) -> None:
    """Refuses what is not a number of the type hint's kind within the bounds."""
    kinds = get_args(hint) or (hint,)
    if value is None and type(None) in kinds:
        return
    wanted, types = ("a number", int | float) if float in kinds else ("a whole number", int)
    if not isinstance(value, types) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be {wanted}. Received: {name}={value!r}")
    # Whole numbers above 2**53 are not exact as JSON; of others infinity alone is too large.
    largest, said = (2**53, "below 2**53") if isinstance(value, int) else (_LARGEST, "finite")
    # Written so that NaN is refused.
    if not minimum <= value <= (largest if maximum is None else maximum):
        bounds = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        bounds = f"{bounds} and {said}" if value > largest else bounds
        raise ValueError(f"`{name}` must be {bounds}. Received: {name}={value!r:.60}")


def _literals(hint: Any) -> tuple[Any, ...] | None:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return None


@dataclass(frozen=True)
class Checked:
    """Base of all configs: checks choices and bounds of every field at construction."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            allowed = _literals(hints[item.name])
            # True equals 1, which is a choice of `cached_views`.
            if allowed and (value not in allowed or isinstance(value, bool)):
                raise ValueError(
                    f"`{item.name}` must be one of {', '.join(map(repr, allowed))}. "
                    f"Received: {item.name}={value!r}"
                )
            if item.metadata:
                check_number(item.name, value, hints[item.name], **item.metadata)
        self.check()

    def check(self) -> None:
        """Checks between fields; overridden where there are any."""
