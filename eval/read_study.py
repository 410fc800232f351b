"""Reading of a study's records for tables and curves."""

import sys
from pathlib import Path
from typing import Any

from semreg_tf import config_io, experiments
from semreg_tf.experiments import record_check, studies
from semreg_tf.training import study_records

# The fields that decide which steps are on cached features.
_COUNTED = ("unary.", "joint.", "encoder.trainable=")


def ordered_records(study: studies.Study, results: Path) -> list[dict[str, Any]]:
    """Reads a study's records in the order of its jobs, the seeds of a system together.

    A line on stderr tells of each record that is of no system of the study, or of other settings.

    Returns:
      The records of `training.study_records`, with what `note_cached_steps` and `note_inherited`
      add, and under the names that `name_other_settings` gives.
    """
    records = study_records.read_all(results / study.name)
    order = {(job.system.name, job.seed): i for i, job in enumerate(study.jobs)}
    records.sort(key=lambda r: order.get((r["system"], r["seed"]), len(order)))
    systems = list(dict.fromkeys(r["system"] for r in records))
    records.sort(key=lambda r: systems.index(r["system"]))
    for line in record_check.notes(records, study):
        print(line, file=sys.stderr)
    note_cached_steps(records)
    note_inherited(records, study)
    name_other_settings(records, study)
    return records


def note_cached_steps(records: list[dict[str, Any]]) -> None:
    """Adds the number of steps on cached features to unary and joint stages with such.

    The numbers are `cached_steps`, all of them, and `cached_first`, those before the stage's first
    step on images. Where the CNN is frozen, a joint stage's other steps read cached features too,
    so that only its rewards count.
    """
    # Imported here so that --help and errors of flags do not wait for TensorFlow.
    from semreg_tf.training.phases import DECODER_ONLY, HEAD_ONLY, REWARD

    for record in records:
        overrides = [o for o in record["overrides"] if o.startswith(_COUNTED)]
        config = config_io.apply_overrides(experiments.get(record["experiment"]), overrides)
        unary, joint = config.unary, config.joint
        before_all = joint.decoder_only_cached and config.encoder.trainable
        for name, first, is_cached, cached_last in (
            ("unary", (HEAD_ONLY, unary.head_only_steps), unary.head_only_cached, None),
            ("joint", (DECODER_ONLY, joint.decoder_only_steps), before_all, joint.reward_steps),
        ):
            stage = record["stages"].get(name, {})
            # Early stopping may have ended a phase before its last step.
            steps = {phase["name"]: phase["steps"] for phase in stage.get("phases") or ()}
            at_first = steps.get(*first) if is_cached else 0
            cached = at_first + (steps.get(REWARD, cached_last) if cached_last else 0)
            if stage and cached:
                stage |= {"cached_steps": cached, "cached_first": at_first}


def note_inherited(records: list[dict[str, Any]], study: studies.Study) -> None:
    """Adds to each record the stages of other systems whose weights it starts from, `inherited`.

    They are records of stages with the stage's name, `stage`, in the order of training, up to the
    one that gives the weights. Stages of a system without a record are left out.
    """
    starts = {(job.system.name, job.seed): job.system.starts_from for job in study.jobs}
    known = {(record["system"], record["seed"]): record for record in records}

    def inherited(place: tuple[str, int]) -> list[dict[str, Any]]:
        record = known.get(place, {})
        # Records of earlier versions do not tell.
        start = record.get("starts_from", starts.get(place))
        donor = (start[1], place[1]) if start else None
        if donor not in known:
            return []
        stages = [{**stage, "stage": name} for name, stage in known[donor]["stages"].items()]
        after = [i for i, stage in enumerate(stages, 1) if stage["stage"] == start[0]]
        return [*inherited(donor), *stages[: after[0] if after else 0]]

    for place, record in known.items():
        record["inherited"] = inherited(place)


def name_other_settings(records: list[dict[str, Any]], study: studies.Study) -> None:
    """Names records by the settings in which they differ from their system, "ours (joint.steps=8)".

    They are then no seeds of the system's mean. Settings in which all records differ from the
    study, as one machine's flags, are not named.
    """
    systems = {(job.system.name, job.seed): job.system for job in study.jobs}
    of_study = [r for r in records if (r["system"], r["seed"]) in systems]
    others = [record_check.other_settings(r, systems[r["system"], r["seed"]]) for r in of_study]
    if len(set(others)) == 1:
        return
    for record, other in zip(of_study, others, strict=True):
        if other:
            record["system"] += f" ({other})"
