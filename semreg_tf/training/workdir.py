"""A work directory explains itself: config, vocabularies, checkpoints, logs, results."""

import dataclasses
import json
import logging
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf import config_io
from semreg_tf._version import __version__
from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints
from semreg_tf.training.phases import find_stage
from semreg_tf.training.precision import made_in

logger = logging.getLogger(__name__)
CONFIG_FILE = "config.json"
CHANGES = "+changes"
_CODE = ("semreg_tf", "train", "data_prep", "eval")
# Fields that may change between two starts of one run.
_FREE_FIELDS = (
    "steps",
    "validate_every_steps",
    "patience",
    "checkpoint_every_steps",
    "validation_images",
    "decoding",
    "reranking",
    "jit_compile",
    "deterministic",
    "name",
    "table_row",
)


def open_workdir(path: str | Path, config: Config, vocabularies: Vocabularies, stage: str) -> Path:
    """Creates a run's folder, or checks that an existing one is of the same run.

    Args:
      path: the folder.
      config: the experiment.
      vocabularies: saved beside it, for weights never travel without them.
      stage: "unary", "relational" or "joint".

    Returns:
      The folder.

    Raises:
      ValueError: the folder holds another experiment, stage or vocabulary.
      OSError: it cannot be written.
    """
    folder = Path(path)
    if (folder / CONFIG_FILE).exists():
        earlier = config_io.load(str(folder / CONFIG_FILE))
        changed = config_io.differing_fields(config, earlier)
        changed = [n for n in changed if not any(part in _FREE_FIELDS for part in n.split("."))]
        if find_stage(config, stage).reads_true_concepts:
            # It reads none, and earlier versions were told them all the same.
            changed = [name for name in changed if name != "encoder.weights"]
        if changed or read_stage(folder) != stage:
            what = f"differs in {', '.join(changed)}" if changed else f"of {read_stage(folder)}"
            raise ValueError(
                f"`workdir` must be new or hold this very run: it holds {earlier.name!r}, {what}. "
                f"Give another folder. Received: workdir={str(path)!r}"
            )
        other = vocabularies.difference(Vocabularies.load(folder))
        if other:
            raise ValueError(
                f"`workdir` holds a run with another vocabulary: {other}. "
                f"Received: workdir={str(path)!r}"
            )
    elif folder.is_file():
        raise ValueError(f"`workdir` must be a folder. Received: workdir={str(path)!r}")
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            vocabularies.save(folder)
            _write_config(folder, config, stage)
        except (OSError, tf.errors.OpError) as error:
            raise OSError(
                f"`workdir` must be a folder that can be written ({str(error).splitlines()[0]}). "
                f"Received: workdir={str(path)!r}"
            ) from error
    return folder


def read_stage(folder: Path) -> str:
    """Returns the stage a work directory is of."""
    return json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["stage"]


def load_run(path: str | Path) -> tuple[Config, Vocabularies, str]:
    """Reads what a work directory says of itself.

    Raises:
      ValueError: the folder is no work directory.
    """
    folder = Path(path)
    if not (folder / CONFIG_FILE).exists():
        raise ValueError(
            "`workdir` must be the folder of a run, with a config.json. "
            f"Received: workdir={str(path)!r}"
        )
    config = config_io.load(str(folder / CONFIG_FILE))
    return config, Vocabularies.load(folder), read_stage(folder)


def load_annotator(path: str | Path) -> tuple[Config, Vocabularies, Annotator]:
    """Builds a run's models in float32 and restores its best checkpoint, or its last.

    Raises:
      ValueError: the folder is no work directory or has no checkpoint.
    """
    config, vocabularies, _ = load_run(path)
    checkpoint = checkpoints.best_or_last(path)
    bare = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, weights=None))
    with made_in("float32"):
        sizes = len(vocabularies.concepts), vocabularies.output.size
        annotator = Annotator(bare, *sizes, load_first_weights=False)
    checkpoints.restore(checkpoint, annotator.all_variables())
    logger.info("Encoder %s: weights of the checkpoint %s", config.encoder.name, checkpoint)
    return config, vocabularies, annotator


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes JSON atomically."""
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _write_config(folder: Path, config: Config, stage: str) -> None:
    partial = folder / f"{CONFIG_FILE}.partial"
    config_io.save(
        config,
        str(partial),
        stage=stage,
        commit=code_commit(),
        versions={
            "semreg_tf": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    )
    os.replace(partial, folder / CONFIG_FILE)


def code_commit(folder: Path = Path(__file__).parents[2]) -> str | None:
    """Returns the commit of the code, ending in `+changes` where the code differs from it.

    Args:
      folder: the checkout; what lies beside the code, such as runs and results, does not count.

    Returns:
      The commit; None where the code is in no checkout of its own, as when it is installed.
    """
    # Of a package in a user's own repository, git would name the user's commit.
    if _git(folder, "ls-files", "--error-unmatch", *_CODE) is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "-s", "--", *_CODE)
    return f"{commit}{CHANGES}" if commit and changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
