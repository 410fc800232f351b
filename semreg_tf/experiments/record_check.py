"""What a study's record says of its settings, compared with the study."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from semreg_tf.config_io import to_dict
from semreg_tf.experiments.study import Study, System

# Fields that change neither the weights nor the scores; early records lack the purpose.
_WITHOUT_EFFECT = ("deterministic", "jit_compile", "data.purpose")


def stale_fields(record: dict[str, Any], system: System, more: Sequence[str] = ()) -> list[str]:
    """Returns the settings of a system that differ from those that its record is of.

    Further overrides of a record, which the flags of its run added, are a difference only if they
    change a value of the system's config; fields that records of earlier versions lack are none.

    Args:
      record: a record of `training.study_records`.
      system: the system of its name.
      more: overrides that are asked for beside the system's.

    Returns:
      Names: `experiment`, `encoder`, `members`, `starts_from`, config fields, and stages that are
      reused from another system than the study says.
    """
    starts = system.starts_from and list(system.starts_from)
    recorded_and_now = {
        "experiment": (record.get("experiment", system.experiment), system.experiment),
        "encoder": (record.get("encoder"), system.encoder),
        "members": (record.get("members", []), [*map(list, system.members)]),
        "starts_from": (record.get("starts_from", starts), starts),
    }
    recorded = _values(record.get("overrides", ()))
    reused_stages = dict(system.reused_stages)
    asked = _values((*system.overrides, *more))
    added = {name: value for name, value in recorded.items() if name not in asked}
    # The config is built only if it is needed.
    now = to_dict(system.config(more)) if added else {}
    return [
        *(name for name, (then, now) in recorded_and_now.items() if then != now),
        *(
            name
            for name, value in asked.items()
            if _has_effect(name, value) and recorded.get(name, ...) != value
        ),
        *(
            name
            for name, value in added.items()
            if _has_effect(name, value) and _field(now, name) != value
        ),
        *(
            name
            for name, stage in record.get("stages", {}).items()
            if stage.get("taken_from") != reused_stages.get(name)
        ),
    ]


def other_settings(record: dict[str, Any], system: System) -> str:
    """Returns the settings of a record that are not its system's, such as "joint.steps=8".

    Fields of `stale_fields` that the record has no override of are named without a value. Empty if
    the record is of the system's settings.
    """
    recorded = _values(record.get("overrides", ()))
    return ", ".join(
        f"{name}={json.dumps(recorded[name])}" if name in recorded else name
        for name in stale_fields(record, system)
    )


def notes(records: Iterable[dict[str, Any]], study: Study) -> list[str]:
    """Returns a line for each record that is of no system of the study, or of other settings."""
    systems = {(job.system.name, job.seed): job.system for job in study.jobs}
    lines = []
    for record in records:
        name, seed = record["system"], record["seed"]
        system = systems.get((name, seed))
        fields = [] if system is None else stale_fields(record, system)
        if system is None:
            lines.append(f"note: {name}, seed {seed}: the study has no such job now")
        elif fields:
            lines.append(
                f"note: {name}, seed {seed}: the record is of other settings than the study's now "
                f"({', '.join(fields)})"
            )
    return lines


def _has_effect(name: str, value: Any) -> bool:
    return name not in _WITHOUT_EFFECT and (name, value) != ("precision", "auto")


def _field(values: Any, name: str) -> Any:
    """Returns a nested value by its dotted name; `...` if there is no such field."""
    for key in name.split("."):
        try:
            values = values[int(key) if isinstance(values, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            return ...
    return values


def _values(overrides: Iterable[str]) -> dict[str, Any]:
    """Returns the values of overrides by field, the last of each."""
    pairs = (override.partition("=")[::2] for override in overrides)
    return {name: _parsed(text) for name, text in pairs}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)
