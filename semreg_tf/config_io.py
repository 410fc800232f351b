"""Configs as JSON, and `section.field=value` overrides, which are applied together."""

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
# Numbers that JSON does not know: `.5`, `-.5e-3`, `2.`.
_BARE_POINT = re.compile(r"-?(\.\d+|\d+\.)([eE][-+]?\d+)?")
_SHAPING = ("data", "image", "encoder", "concepts", "conditionings", "decoder", "labels")


def to_dict(config: Config) -> dict[str, Any]:
    """Returns the config as plain JSON values, with the format version."""
    return {"format_version": FORMAT_VERSION, **_ADAPTER.dump_python(config, mode="json")}


def from_dict(values: dict[str, Any]) -> Config:
    """Builds a config from the output of `to_dict`, with all checks.

    Fields that did not exist when the config was written are completed by `earlier_configs`.

    Raises:
      ValueError: a field is unknown or invalid, or the format version differs.
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
    """Writes the config and the values of `extra`, such as versions, to a JSON file.

    The file contains its own digest, which reveals later changes.
    """
    write_json(path, with_own_digest({"config": to_dict(config), **extra}))


def load(path: str) -> Config:
    """Reads a config that `save` wrote.

    Raises:
      ValueError: the file is not a config of this project.
    """
    return from_file_values(read_json_object(path, "path"), path)


def is_config(values: Any) -> bool:
    """Returns whether parsed JSON has the form of what `save` wrote, of any version."""
    config = values.get("config") if isinstance(values, dict) else None
    return isinstance(config, dict) and "format_version" in config


def from_file_values(values: dict[str, Any], path: str) -> Config:
    """Builds the config from the content of a config.json.

    Raises:
      ValueError: the values hold no config of this project.
    """
    config = values.get("config")
    if not isinstance(config, dict):
        raise ValueError(f"`path` must be a config.json: it has no config. Received: path={path!r}")
    try:
        return from_dict(config)
    except ValueError as error:
        raise ValueError(f"{error} (in {path!r})") from None


def shaping_fields(config: Config) -> dict[str, Any]:
    """Returns the sections of a config that define the model, as plain JSON values.

    Checkpoints store them, because weights are valid for one value of them only. `encoder.weights`
    is left out, as it only matters when training begins.
    """
    values = to_dict(config)
    shape = {section: values[section] for section in _SHAPING}
    shape["encoder"] = {k: v for k, v in shape["encoder"].items() if k != "weights"}
    return shape


def first_difference(stored: Any, values: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Returns the first field in which stored values differ from current ones, or None.

    Fields that only one of the two has are ignored: another version added or removed them.

    Args:
      stored: plain JSON values, such as those of `shaping_fields`.
      values: the current values.
      name: name of the field that holds the values.

    Returns:
      The field's name, its stored value and its current value.
    """
    if isinstance(stored, dict) and isinstance(values, dict):
        pairs = [(k, stored[k], values[k]) for k in stored if k in values]
    elif isinstance(stored, list) and isinstance(values, list) and len(stored) == len(values):
        pairs = [(str(i), *pair) for i, pair in enumerate(zip(stored, values, strict=True))]
    else:
        return None if stored == values else (name, stored, values)
    differences = (first_difference(a, b, f"{name}.{k}" if name else k) for k, a, b in pairs)
    return next((x for x in differences if x is not None), None)


def apply_overrides(config: Config, overrides: Iterable[str]) -> Config:
    """Returns `config` with `section.field=value` strings applied together.

    Values that parse as JSON are JSON (`1e-4`, `true`, `null`, `[1, 2]`), and `.5` and `2.` are
    numbers; others are strings. Only the final config is checked, so the order of overrides does
    not matter.

    Args:
      config: the config to start from; it is not changed.
      overrides: strings such as `"joint.learning_rate=1e-4"`.

    Returns:
      The new config.

    Raises:
      ValueError: an unknown field, a value of the wrong type, or an invalid combination.

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

    Returns:
      Name -> value, such as `{"encoder.trainable": False}`; fields of a section that only `base`
      has are None. Equal configs give {}.
    """
    ours, theirs = _flatten(dataclasses.asdict(config)), _flatten(dataclasses.asdict(base))
    changed = {name: value for name, value in ours.items() if theirs.get(name, ...) != value}
    missing = [name for name in theirs if not any(_related(name, other) for other in ours)]
    return {**changed, **dict.fromkeys(missing)}


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
    """Returns whether two flattened names are equal, or one is a section that holds the other."""
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
        return parse_json(text, parse_float=_parse_float)
    except json.JSONDecodeError as error:
        if re.fullmatch(r"[-+]?\d{1000,}", text.strip()) or "surrogate" in error.msg:
            raise ValueError(
                f"`--config` must have values that can be stored: {error.msg}. "
                f"Received: --config.{override[:60]!a}"
            ) from None
        return _parse_float(text) if _BARE_POINT.fullmatch(text) else text


def _parse_float(text: str) -> float:
    """Parses a float, but integral ones such as `1e4` as an int, which int fields require."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _validate(values: dict[str, Any]) -> Config:
    try:
        return _ADAPTER.validate_json(json.dumps(values))
    except pydantic.ValidationError as error:
        raise ValueError(refusal(error, "config.")) from None
