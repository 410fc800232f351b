"""Reading of a study's records for tables and curves."""

import sys
from pathlib import Path
from typing import Any

from semreg_tf import config_io, experiments
from semreg_tf.experiments import record_check, studies
from semreg_tf.training import study_records


def ordered_records(study: studies.Study, results: Path) -> list[dict[str, Any]]:
    """Reads a study's records in the order of its jobs, the seeds of a system together.

    A line on stderr tells of each record that is of no system of the study, or of other settings.

    Returns:
      The records of `training.study_records`, with `cached_steps`, see `note_cached_steps`.
    """
    records = study_records.read_all(results / study.name)
    order = {(job.system.name, job.seed): i for i, job in enumerate(study.jobs)}
    records.sort(key=lambda r: order.get((r["system"], r["seed"]), len(order)))
    systems = list(dict.fromkeys(r["system"] for r in records))
    records.sort(key=lambda r: systems.index(r["system"]))
    for line in record_check.notes(records, study):
        print(line, file=sys.stderr)
    note_cached_steps(records)
    return records


def note_cached_steps(records: list[dict[str, Any]]) -> None:
    """Adds the number of steps on cached features, `cached_steps`, to unary stages with such."""
    # Imported here so that --help and errors of flags do not wait for TensorFlow.
    from semreg_tf.training.phases import HEAD_ONLY

    for record in records:
        entry = experiments.get(record["experiment"])
        overrides = [o for o in record["overrides"] if o.startswith("unary.")]
        unary = config_io.apply_overrides(entry, overrides).unary
        if "unary" in record["stages"] and unary.head_only_cached:
            stage = record["stages"]["unary"]
            # Early stopping may have ended the phase before its last step.
            steps = {phase["name"]: phase["steps"] for phase in stage.get("phases") or ()}
            stage["cached_steps"] = steps.get(HEAD_ONLY, unary.head_only_steps)
