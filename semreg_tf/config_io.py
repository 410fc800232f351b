"""Configs as JSON, and `section.field=value` overrides applied to them in one step."""

import dataclasses
import json
import re
from collections.abc import Iterable
from typing import Any

import pydantic

from semreg_tf.config import FORMAT_VERSION, Config
from semreg_tf.config_checks import refusal
from semreg_tf.earlier_configs import complete_earlier
from semreg_tf.files.digests import with_own_digest
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.whole_file import write_json
from semreg_tf.name_hints import did_you_mean
from semreg_tf.text.cleaning import lone_surrogate
from semreg_tf.text.text_files import parse_json

_ADAPTER = pydantic.TypeAdapter(Config)
_SHAPING = ("data", "image", "encoder", "concepts", "conditionings", "decoder", "labels")


def to_dict(config: Config) -> dict[str, Any]:
    """Returns the config as plain JSON values, with the format's version."""
    return {"format_version": FORMAT_VERSION, **_ADAPTER.dump_python(config, mode="json")}


def from_dict(values: dict[str, Any]) -> Config:
    """Builds a config from `to_dict`'s output; every constructor's check runs.

    Of a config that was written before a field existed, the field says what was done then; see
    `earlier_configs`.

    Raises:
      ValueError: a field is unknown or refused, or the format is of another version.
    """
    values = dict(values)
    version = values.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise ValueError(
            f"`format_version` of a config must be {FORMAT_VERSION}: this one was written by "
            f"another version of semreg_tf. Received: format_version={version!r}"
        )
    return _validate(complete_earlier(values))


def save(config: Config, path: str, **extra: Any) -> None:
    """Writes the config, and beside it what `extra` says (versions, commit), to a JSON file.

    The file carries a digest of itself, by which a later edit is seen.
    """
    write_json(path, with_own_digest({"config": to_dict(config), **extra}))


def load(path: str) -> Config:
    """Reads what `save` wrote.

    Raises:
      ValueError: the file is no config of this project.
    """
    return from_file_values(read_json_object(path, "path"), path)


def from_file_values(values: dict[str, Any], path: str) -> Config:
    """Builds the config of what a config.json holds; `path` is for messages.

    Raises:
      ValueError: the values hold no config of this project.
    """
    config = values.get("config")
    if not isinstance(config, dict):
        raise ValueError(
            f"`path` must be a config.json: it lacks the config. Received: path={path!r}"
        )
    try:
        return from_dict(config)
    except ValueError as error:
        raise ValueError(f"{error} (in {path!r})") from None


def shaping_fields(config: Config) -> dict[str, Any]:
    """Returns what gives a model its shape, its function and its names, as plain JSON values.

    Weights are right under one value of these alone, so checkpoints carry them. The file of the
    encoder's first weights is left out: it is gone when training has begun.
    """
    values = to_dict(config)
    shape = {section: values[section] for section in _SHAPING}
    shape["encoder"] = {k: v for k, v in shape["encoder"].items() if k != "weights"}
    return shape


def first_difference(stored: Any, values: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Returns the first field in which stored values differ from others, or None.

    A field that only one of the two has was added or taken away by another version: it is passed
    over.

    Args:
      stored: plain JSON values, such as those of `shaping_fields`.
      values: the same of today.
      name: of the field that holds them.

    Returns:
      The field's name, its stored value and the other.
    """
    if isinstance(stored, dict) and isinstance(values, dict):
        pairs = [(k, stored[k], values[k]) for k in stored if k in values]
    elif isinstance(stored, list) and isinstance(values, list) and len(stored) == len(values):
        pairs = [(str(i), *pair) for i, pair in enumerate(zip(stored, values, strict=True))]
    else:
        return None if stored == values else (name, stored, values)
    found = (first_difference(a, b, f"{name}.{k}" if name else k) for k, a, b in pairs)
    return next((x for x in found if x is not None), None)


def apply_overrides(config: Config, overrides: Iterable[str]) -> Config:
    """Returns `config` with `section.field=value` strings applied together.

    Values are JSON where they parse as JSON (`1e-4`, `true`, `null`, `[1, 2]`), else strings.

    Args:
      config: the config to start from; it is not changed.
      overrides: strings such as `"joint.learning_rate=1e-4"`.

    Returns:
      A config whose constructors checked the final values and none other.

    Raises:
      ValueError: no such field, a value of another type, or a refused combination.

    Example:
      >>> apply_overrides(Config(), ["decoding.beam_width=5"]).decoding.beam_width
      5
    """
    values = _ADAPTER.dump_python(config, mode="json")
    for override in overrides:
        name, separator, text = override.partition("=")
        if not separator:
            raise ValueError(
                f"`overrides` must look like section.field=value. Received: {override!r}"
            )
        *parents, leaf = name.split(".")
        section: Any = values
        for key in parents:
            section = section[_known_key(section, key, override)]
        section[_known_key(section, leaf, override)] = _parse(text, override)
    return _validate(values)


def differing_fields(config: Config, base: Config) -> dict[str, Any]:
    """Returns the flattened fields in which `config` differs from `base`.

    Args:
      config: whose values are returned.
      base: what it is compared with.

    Returns:
      Name -> value, such as `{"encoder.trainable": False}`; fields of a section that only `base`
      has are None. Equal configs give {}.
    """
    ours, theirs = _flatten(dataclasses.asdict(config)), _flatten(dataclasses.asdict(base))
    changed = {name: value for name, value in ours.items() if theirs.get(name, ...) != value}
    gone = [name for name in theirs if not any(_related(name, own) for own in ours)]
    return {**changed, **dict.fromkeys(gone)}


def _known_key(section: Any, key: str, override: str) -> Any:
    if isinstance(section, tuple | list):
        known = [str(i) for i in range(len(section))]
    else:
        known = [str(k) for k in section] if isinstance(section, dict) else []
    if key not in known:
        raise ValueError(
            f"`--config` names no field {key!r}{did_you_mean(key, known)} "
            f"Known here: {', '.join(known) or 'none'}. Received: --config.{override}"
        )
    return key if isinstance(section, dict) else int(key)


def _related(name: str, other: str) -> bool:
    """True where two flattened names are one, or one holds the other."""
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")


def _flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    items: Iterable[tuple[Any, Any]]
    if isinstance(values, dict):
        items = values.items()
    elif isinstance(values, tuple | list) and any(isinstance(v, dict) for v in values):
        items = enumerate(values)
    else:
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _parse(text: str, override: str) -> Any:
    half = lone_surrogate(text)
    if half is not None:
        raise ValueError(
            f"`--config` must be text that UTF-8 can write: {half} is half of a surrogate pair. "
            f"Received: --config.{override[:60]!a}"
        )
    if text in ("True", "False"):
        return text == "True"
    try:
        return parse_json(text, parse_float=_whole_where_it_is)
    except json.JSONDecodeError as error:
        if re.fullmatch(r"[-+]?\d{1000,}", text.strip()) or "surrogate" in error.msg:
            raise ValueError(
                f"`--config` must give values that can be stored: {error.msg}. "
                f"Received: --config.{override[:60]!a}"
            ) from None
        return text


def _whole_where_it_is(text: str) -> float:
    """Reads `1e4` as the whole number that a field of whole numbers needs."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _validate(values: dict[str, Any]) -> Config:
    try:
        return _ADAPTER.validate_json(json.dumps(values))
    except pydantic.ValidationError as error:
        raise ValueError(refusal(error, "config.")) from None
