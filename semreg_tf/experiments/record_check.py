"""What a study's record says of its settings, compared with the study."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from semreg_tf.experiments.study import Study, System

# Fields that change neither the weights nor the scores; early records lack the purpose.
_WITHOUT_EFFECT = ("deterministic", "jit_compile", "data.purpose")


def stale_fields(record: dict[str, Any], system: System, more: Sequence[str] = ()) -> list[str]:
    """Returns the settings of a system that differ from those that its record is of.

    Further overrides of a record, which the flags of its run added, are no difference; neither are
    fields that records of earlier versions lack.

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
    asked = {
        name: value
        for name, value in _values((*system.overrides, *more)).items()
        if name not in _WITHOUT_EFFECT and (name, value) != ("precision", "auto")
    }
    return [
        *(name for name, (then, now) in recorded_and_now.items() if then != now),
        *(name for name, value in asked.items() if recorded.get(name, ...) != value),
        *(
            name
            for name, stage in record.get("stages", {}).items()
            if stage.get("taken_from") != reused_stages.get(name)
        ),
    ]


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


def _values(overrides: Iterable[str]) -> dict[str, Any]:
    """Returns the values of overrides by field, the last of each."""
    pairs = (override.partition("=")[::2] for override in overrides)
    return {name: _parsed(text) for name, text in pairs}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)
