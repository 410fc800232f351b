"""Atomic checkpoints of weights, optimisers and progress under stable names.

A checkpoint is a folder `checkpoints/step-00000500` with TensorFlow's tensor files and
`state.json`. It is written under a temporary name and renamed, so a kill leaves others intact.
"""

import contextlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import FORMAT_VERSION
from semreg_tf.files import digests
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.whole_file import write_json
from semreg_tf.training.checkpoint_files import (
    INDEX_DIGEST,
    INDEX_FILE,
    STATE_FILE,
    TENSORS,
    check_index,
    list_checkpoints,
    open_tensors,
    read_state,
    stored_names,
    tensor_errors,
    verify,
)

logger = logging.getLogger(__name__)
_PARTIAL, _DAMAGED = ".partial-", "damaged-"
BEST_FILE = "best.json"
_ROW_STEPS = "row_steps"
# Prefix of the weights from which training goes on, where a checkpoint holds their average.
RAW = "raw/"


def optimizer_variables(name: str, optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Returns an optimiser's variables by stable names."""
    variables = {f"optimizer/{name}/{i:04d}": v for i, v in enumerate(optimizer.variables)}
    rows = getattr(optimizer, "row_steps", [])
    return variables | {f"optimizer/{name}/{_ROW_STEPS}/{i:04d}": v for i, v in enumerate(rows)}


def restore_optimizer(
    checkpoint: Path, name: str, optimizer: keras.optimizers.Optimizer
) -> list[str]:
    """Restores a built optimiser; checkpoints of earlier versions may lack `row_steps`."""
    variables = optimizer_variables(name, optimizer)
    stored = set(stored_names(checkpoint))
    new = {n for n in variables if f"/{_ROW_STEPS}/" in n and n not in stored}
    restored = restore(checkpoint, {n: v for n, v in variables.items() if n not in new})
    if new:
        optimizer.sync_row_steps()
    return restored


def save(
    workdir: str | Path,
    step: int,
    variables: dict[str, keras.Variable],
    state: dict[str, Any],
) -> Path:
    """Writes a checkpoint after `step` updates, atomically, and returns its folder.

    `state` holds further JSON values for `state.json`: stage, phases, metric.

    Raises:
      OSError: the disk is full or read-only; earlier checkpoints are not changed.
    """
    folder = Path(workdir) / "checkpoints"
    final = folder / f"step-{step:08d}"
    partial = folder / f"{_PARTIAL}{final.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        names = sorted(variables)
        tf.raw_ops.SaveV2(
            prefix=str(partial / TENSORS),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.convert_to_tensor(variables[n]) for n in names],
        )
        meta = {"format_version": FORMAT_VERSION, "step": step, **state}
        meta[INDEX_DIGEST] = digests.file_digest(partial / INDEX_FILE)
        text = json.dumps(digests.with_own_digest(meta), indent=2)
        (partial / STATE_FILE).write_text(text, encoding="utf-8")
        _sync(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        _sync_folder(folder)
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(
            f"`workdir` must be writable for the checkpoint of step {step}; earlier ones are "
            f"intact. Received: workdir={str(workdir)!r} ({str(error).splitlines()[0]})"
        ) from error
    return final


def restore(checkpoint: Path, variables: dict[str, keras.Variable]) -> list[str]:
    """Assigns tensors to variables by name, none on an error; returns the variables' names.

    Raises:
      ValueError: a variable is missing or has another shape, or a file is missing or damaged.
    """
    check_index(checkpoint)
    with tensor_errors(checkpoint):
        reader = open_tensors(checkpoint)
        shapes = reader.get_variable_to_shape_map()
    for name, variable in variables.items():
        if name not in shapes:
            raise ValueError(
                f"`checkpoint` must hold {name!r}: it is of another system. "
                f"Received: checkpoint={str(checkpoint)!r}"
            )
        if tuple(shapes[name]) != tuple(variable.shape):
            raise ValueError(
                f"`checkpoint` must hold {name!r} of shape {tuple(variable.shape)}: it has "
                f"{tuple(shapes[name])} (another vocabulary size or other fields?). "
                f"Received: checkpoint={str(checkpoint)!r}"
            )
    with tensor_errors(checkpoint):
        values = {name: np.asarray(reader.get_tensor(name)) for name in variables}
    for name, value in values.items():
        variables[name].assign(value)
    return list(variables)


def restore_raw(checkpoint: Path, variables: dict[str, keras.Variable]) -> None:
    """Restores the weights from which training goes on, which may differ from the average.

    Args:
      checkpoint: the checkpoint's folder; it has raw weights where they were averaged.
      variables: as for `restore`.

    Raises:
      ValueError: as for `restore`.
    """
    stored = set(stored_names(checkpoint))
    raw = {n: f"{RAW}{n}" for n in variables if f"{RAW}{n}" in stored}
    restore(checkpoint, {raw.get(name, name): v for name, v in variables.items()})


def mark_best(workdir: str | Path, checkpoint: Path, metric: str, value: float) -> None:
    """Stores which checkpoint is the best by a validation metric, atomically."""
    best = {"checkpoint": checkpoint.name, "metric": metric, "value": value}
    write_json(Path(workdir) / "checkpoints" / BEST_FILE, best)


def repair_best(workdir: str | Path, checkpoint: Path) -> None:
    """Completes `mark_best` for a checkpoint that was saved as the best before a kill."""
    state = read_state(checkpoint)
    if state.get("is_best"):
        mark_best(workdir, checkpoint, *state["metric"])


def all_finite(variables: dict[str, keras.Variable]) -> bool:
    """Returns whether every value of every floating variable is finite."""
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    checked = [tf.reduce_all(tf.math.is_finite(x)) for x in values if x.dtype.is_floating]
    return not checked or bool(tf.reduce_all(checked))


def read_best(workdir: str | Path) -> dict[str, Any] | None:
    """Returns the values that `mark_best` stored, or None.

    Raises:
      ValueError: the file is damaged, or contradicts the state of its checkpoint.
    """
    path = Path(workdir) / "checkpoints" / BEST_FILE
    if not path.exists():
        return None
    fix = "Delete it: then the last checkpoint is used."
    best = read_json_object(path, "workdir", fix, ("checkpoint", "metric", "value"))
    try:
        stored = read_state(path.parent / str(best["checkpoint"])).get("metric")
    except ValueError:
        # A missing or damaged checkpoint is reported where it is used.
        stored = None
    if stored and list(stored) != [best["metric"], best["value"]]:
        raise ValueError(
            f"`workdir` must hold a {BEST_FILE} that agrees with its checkpoint, which has "
            f"{stored[0]} {stored[1]}. {fix} Received: {best} in {str(path)!r}"
        )
    return best


def best_or_last(workdir: str | Path) -> Path:
    """Returns the best checkpoint of a run, or its last if none was validated.

    Raises:
      ValueError: there is no checkpoint.
    """
    paths = list_checkpoints(workdir)
    if not paths:
        raise ValueError(
            "`workdir` must hold checkpoints of a finished or running stage. "
            f"Received: workdir={str(workdir)!r}"
        )
    best = read_best(workdir)
    by_name = {path.name: path for path in paths}
    if best and best["checkpoint"] not in by_name:
        logger.warning("%s, the best, is missing: %s is used", best["checkpoint"], paths[-1])
    return by_name.get(best["checkpoint"], paths[-1]) if best else paths[-1]


def resumable(workdir: str | Path) -> Path | None:
    """Returns the newest intact checkpoint, or None if there are no checkpoints.

    Newer damaged ones are renamed, with a warning.

    Raises:
      ValueError: all checkpoints are damaged.
    """
    damaged: dict[Path, str] = {}
    for path in reversed(list_checkpoints(workdir)):
        try:
            verify(path)
        except ValueError as error:
            damaged[path] = str(error)
            continue
        for other, reason in damaged.items():
            renamed = other.with_name(f"{_DAMAGED}{other.name}")
            message = "%s Going on from %s; the damaged one is renamed to %s."
            logger.warning(message, reason, path.name, renamed.name)
            # Another worker may have renamed it.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(renamed, ignore_errors=True)
                os.replace(other, renamed)
        return path
    if damaged:
        raise ValueError(
            f"{next(iter(damaged.values()))} No intact checkpoint is left: give another folder, or "
            "delete this one to start again."
        )
    return None


def other_intact(checkpoint: Path) -> list[str]:
    """Returns the names of the other intact checkpoints of the run, newest first."""
    names = []
    for path in reversed(list_checkpoints(checkpoint.parents[1])):
        with contextlib.suppress(ValueError):
            if path != checkpoint:
                verify(path)
                names.append(path.name)
    return names


def prune(workdir: str | Path, keep_last: int = 2) -> None:
    """Removes all checkpoints but the best and the last few, and partially written ones."""
    best = read_best(workdir)
    remaining = {path.name for path in list_checkpoints(workdir)[-keep_last:]}
    remaining |= {best["checkpoint"]} if best else set()
    for path in list_checkpoints(workdir):
        if path.name not in remaining:
            shutil.rmtree(path)
    for path in (Path(workdir) / "checkpoints").glob(f"{_PARTIAL}*"):
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with open(path, "rb") as f:
            os.fsync(f.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
