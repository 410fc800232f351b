"""A study's records as tables and curves want them: in order, steps without images noted."""

from pathlib import Path
from typing import Any

from semreg_tf import config_io, experiments
from semreg_tf.experiments import studies
from semreg_tf.training import study_records


def ordered_records(study: studies.Study, results: Path) -> list[dict[str, Any]]:
    """Reads a study's records in its order of work, the seeds of a system together.

    Args:
      study: whose they are.
      results: the folder of all studies' records.

    Returns:
      The records, as `training.study_records` writes them, steps without images noted.
    """
    records = study_records.read_all(results / study.name)
    order = {(job.system.name, job.seed): i for i, job in enumerate(study.jobs)}
    records.sort(key=lambda r: order.get((r["system"], r["seed"]), len(order)))
    systems = list(dict.fromkeys(r["system"] for r in records))
    records.sort(key=lambda r: systems.index(r["system"]))
    note_cached_steps(records)
    return records


def note_cached_steps(records: list[dict[str, Any]]) -> None:
    """Notes in each unary stage how many of its steps read cached features.

    Args:
      records: as `training.study_records` writes them; `cached_steps` is added to the unary stages
        whose experiment has such steps.
    """
    # TensorFlow takes seconds to import; --help and mistakes should not.
    from semreg_tf.training.phases import HEAD_ONLY

    for record in records:
        entry = experiments.get(record["experiment"])
        overrides = [o for o in record["overrides"] if o.startswith("unary.")]
        unary = config_io.apply_overrides(entry, overrides).unary
        if "unary" in record["stages"] and unary.head_only_cached:
            stage = record["stages"]["unary"]
            # Of a phase that patience ended, the steps that were taken.
            taken = {phase["name"]: phase["steps"] for phase in stage.get("phases") or ()}
            stage["cached_steps"] = taken.get(HEAD_ONLY, unary.head_only_steps)
