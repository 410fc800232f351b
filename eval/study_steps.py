"""Of a study's records, which steps of training saw no image."""

from typing import Any

from semreg_tf import config_io, experiments


def note_cached_steps(records: list[dict[str, Any]]) -> None:
    """Notes in each unary stage how many of its steps read cached features.

    Args:
      records: as `training.study_records` writes them; `cached_steps` is added to the unary stages
        whose experiment has such steps.
    """
    for record in records:
        entry = experiments.get(record["experiment"])
        config = config_io.apply_overrides(entry, record["overrides"])
        if "unary" in record["stages"] and config.unary.head_only_cached:
            record["stages"]["unary"]["cached_steps"] = config.unary.head_only_steps
