"""What configs from before a field existed mean by it, so that old work directories stay true."""

import logging
from typing import Any

from semreg_tf.config import DataConfig
from semreg_tf.files.json_files import object_in
from semreg_tf.split_overlap import overlap

logger = logging.getLogger(__name__)
# Of stages whose tag MLP trains.
_STAGES = ("unary", "joint")


def complete_earlier(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a config's values with the fields it lacks set to what was done before they existed.

    Only where a field changes what is trained; elsewhere its default means the same. `data.purpose`
    becomes what the splits allow, with a warning where the test split trained or chose.

    Args:
      values: plain JSON values, as `config_io.to_dict` writes them; they are not changed.
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
    """Returns the data section with the purpose that its splits allow."""
    train, validation, test = (
        data.get(f"{name}_split", getattr(DataConfig, f"{name}_split"))
        for name in ("train", "validation", "test")
    )
    if not all(isinstance(name, str) for name in (train, validation, test)):
        return data
    if overlap(train, test) is not False:
        purpose, what = "fit", f"trained on pictures of its test split, {test!r}"
    elif overlap(validation, test) is not False:
        purpose, what = "search", f"chose its checkpoint on pictures of its test split, {test!r}"
    else:
        return data
    logger.warning("This run may have %s: its scores there are not those of unseen ones", what)
    return {**data, "purpose": purpose}
