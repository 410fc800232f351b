"""The settings of a trained stage, compared with those that a system asks for."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semreg_tf import config_io
from semreg_tf.config import AFTER_TRAINING, Config
from semreg_tf.label_task import label_config
from semreg_tf.size_rule import sized

# Fields and sections that no training reads, or that do not change what it computes.
_NEVER_READ = (
    "name",
    "table_row",
    "seed",
    "deterministic",
    "jit_compile",
    "data.test_split",
    "data.purpose",
    "image.test_views",
    "decoding",
    "reranking",
)
# The joint stage reads no other stage's section; their own folders are compared with these.
_UNREAD = {
    # The decoder and how it is fed take no part in it.
    "unary": (
        *("data.label_order", "conditionings", "decoder", "relational", "sampling", "joint"),
        "stages",
    ),
    "relational": ("data.num_user_tags", "unary", "joint"),
    "joint": ("unary", "relational"),
}
# The ground truth replaces encoder and head; the gradient ends there anyway.
_UNREAD_WITH_TRUE_CONCEPTS = ("encoder", "image", "concepts", "conditionings")
# Files, whose paths depend on the machine, and the file that stands for the CNN's known weights.
_PATHS = ("encoder.weights", "data.concept_list", "relational.extra_captions")
# Fields that `size_rule.sized` sets where None is asked for.
_SIZED = ("trainable", "cached_views", "head_only_steps", "steps", "validate_every_steps")
# Number of a phase's steps -> the fields that only this phase reads.
_PHASES = {
    "unary.head_only_steps": ("unary.head_only_cached",),
    "joint.decoder_only_steps": ("joint.decoder_only_cached",),
    "joint.reward_steps": ("joint.reward_samples", "joint.reward_rate"),
}


def differing_settings(asked: Config, trained: Config, stage: str) -> dict[str, Any]:
    """Returns the fields that a stage reads and that differ from those it was trained with.

    Settings that a run resolves by itself are equal to what was asked for: a precision of "auto",
    values that follow the number of pictures, and the path of a file.

    Args:
      asked: the config of the system.
      trained: the config of a run of the stage.
      stage: "unary", "relational" or "joint".

    Returns:
      Name -> asked value, as `config_io.differing_fields`.
    """
    # Imported here and below, because TensorFlow takes seconds to import.
    from semreg_tf.training.phases import find_stage

    unread = (*_NEVER_READ, *_UNREAD[stage])
    # Any number of pictures will do: phases need their numbers of steps.
    if find_stage(sized(asked, 1), stage).reads_true_concepts:
        unread += _UNREAD_WITH_TRUE_CONCEPTS
    for steps, fields in _PHASES.items():
        if not _value(asked, steps) and not _value(trained, steps):
            unread += fields
    differing = config_io.differing_fields(asked, trained)
    return {
        name: value
        for name, value in differing.items()
        if not _is_of(name, unread) and not _is_resolved(name, value, trained)
    }


def check_trained(folder: str | Path, asked: Config, stage: str) -> None:
    """Refuses a folder whose stage was trained with other settings than those asked for.

    Raises:
      ValueError: a field that the stage reads differs, or the folder is no work directory.
    """
    from semreg_tf.training.workdir import CONFIG_FILE, read_about

    path = str(Path(folder) / CONFIG_FILE)
    trained = config_io.from_file_values(read_about(folder), path)
    differing = differing_settings(asked, trained, stage)
    if differing:
        fields = ", ".join(f"{name}={value!r}" for name, value in differing.items())
        raise ValueError(
            f"`out` must hold no other run in place of this one: its {stage} stage was not trained "
            f"with {fields}. Remove the folder, or give another --out. Received: {str(folder)!r}"
        )


def changed_after_training(folder: str | Path, asked: Config, task: str | None = None) -> list[str]:
    """Returns what an evaluation must change in a run's config to decode as is asked for.

    Args:
      folder: the work directory.
      asked: the config whose decoding, reranking and views of test images are asked for.
      task: "tags": for a run on captions and labels, of its tag model; None: of the whole.

    Returns:
      Overrides such as "decoding.beam_width=5".
    """
    from semreg_tf.training.workdir import CONFIG_FILE, read_about

    path = str(Path(folder) / CONFIG_FILE)
    trained = config_io.from_file_values(read_about(folder), path)
    if task == "tags" and asked.labels is not None:
        asked, trained = label_config(asked), label_config(trained)
    return [
        f"{name}={json.dumps(value)}"
        for name, value in config_io.differing_fields(asked, trained).items()
        if f"{name}=".startswith(AFTER_TRAINING)
    ]


def _is_of(name: str, fields: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{field}.") for field in fields)


def _value(config: Config, name: str) -> Any:
    section, _, field = name.partition(".")
    return getattr(getattr(config, section), field)


def _is_resolved(name: str, asked: Any, trained: Config) -> bool:
    """Returns whether a run may have set a field in place of the asked value."""
    if name in _PATHS:
        return asked is not None and _value(trained, name) is not None
    if asked is None:
        return name.rpartition(".")[2] in _SIZED
    return name == "precision" and asked == "auto"
