"""Completion of configs of earlier versions with the fields that they lack."""

import logging
from typing import Any

from semreg_tf.config import DataConfig
from semreg_tf.files.json_files import object_in
from semreg_tf.split_overlap import overlap

logger = logging.getLogger(__name__)
# The stages in which the user-tag MLP is trained.
_STAGES = ("unary", "joint")


def complete_earlier(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a config's values with missing fields set to the behaviour before the field existed.

    Fields whose default is that behaviour are left out. `data.purpose` is derived from the splits,
    with a warning if the test split was used for training or for choosing a checkpoint.

    Args:
      values: plain JSON values, as written by `config_io.to_dict`; they are not changed.
    """
    completed = dict(values)
    data, concepts = object_in(values, "data"), object_in(values, "concepts")
    if data and "purpose" not in data:
        completed["data"] = _with_purpose(data)
    if concepts.get("loss") == "warp":
        completed["concepts"] = {"warp_rank": "negatives", **concepts}
    conditionings = values.get("conditionings")
    if isinstance(conditionings, list) and all(isinstance(c, dict) for c in conditionings):
        completed["conditionings"] = [
            {"input_dropout": False, **c} if c.get("kind") == "step_zero" else c
            for c in conditionings
        ]
    for name in _STAGES:
        section = object_in(values, name)
        if data.get("num_user_tags") and section.get("head_rate", 1.0) != 1.0:
            completed[name] = {"tag_rate": 1.0, **section}
    return completed


def _with_purpose(data: dict[str, Any]) -> dict[str, Any]:
    """Returns the data section with the strictest purpose that its splits allow."""
    train, validation, test = (
        data.get(f"{name}_split", getattr(DataConfig, f"{name}_split"))
        for name in ("train", "validation", "test")
    )
    if not all(isinstance(name, str) for name in (train, validation, test)):
        return data
    if overlap(train, test) is not False:
        purpose, use = "fit", "trained on"
    elif overlap(validation, test) is not False:
        purpose, use = "search", "chosen its checkpoint on"
    else:
        return data
    logger.warning(
        "This run may have %s pictures of its test split, %r: its scores on that split are not "
        "those of unseen pictures",
        use,
        test,
    )
    return {**data, "purpose": purpose}
