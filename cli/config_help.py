"""The config's fields as help: name, value, choices, and the comment above the field."""

import dataclasses
import inspect
import json
import re
import textwrap
from typing import Any, Literal, get_args, get_origin, get_type_hints

from semreg_tf.config import Config

_FIELD = re.compile(r"    (\w+): .*")
_WIDTH = 96


def describe_config(config: Config) -> str:
    """Returns each section's docstring and its fields as flags with their values."""
    lines = [f"Fields of the config and their values in {config.name!r}:"]
    lines += _section(config, "")
    return "\n".join(lines)


def field_comments(kind: type) -> dict[str, str]:
    """Returns the comment above each field of a config class and its base classes."""
    comments: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        above: list[str] = []
        for line in inspect.getsource(base).splitlines():
            field = _FIELD.fullmatch(line)
            if line.startswith("    # "):
                above.append(line.strip("# "))
                continue
            if field and above:
                comments[field[1]] = " ".join(above)
            above = []
    return comments


def _section(section: Any, prefix: str) -> list[str]:
    title = (type(section).__doc__ or "").splitlines()[0]
    lines = ["", f"{title}"]
    hints, comments = get_type_hints(type(section)), field_comments(type(section))
    inner: list[str] = []
    for field in dataclasses.fields(section):
        value, name = getattr(section, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            inner += _section(value, f"{name}.")
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            for number, item in enumerate(value):
                inner += _section(item, f"{name}.{number}.")
        else:
            lines += _flag(name, value, hints[field.name], comments.get(field.name, ""))
    return [*lines, *inner]


def _flag(name: str, value: Any, hint: Any, comment: str) -> list[str]:
    shown = value if isinstance(value, str) else json.dumps(value)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    notes = [f"One of {', '.join(map(str, choices))}."] if choices else []
    notes += [comment] if comment else []
    indent = " " * 6
    text = textwrap.fill(" ".join(notes), _WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [f"  --config.{name}={shown}", *([text] if text.strip() else [])]
