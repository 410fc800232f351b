"""Checkpoints that are whole or absent: weights, optimiser and step under stable names.

A checkpoint is a folder `checkpoints/step-00000500` with TensorFlow's own tensor file and
`state.json`. It is written under another name and renamed, so a kill leaves the last good one.
"""

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

logger = logging.getLogger(__name__)
_PARTIAL = ".partial-"
_ROW_STEPS = "row_steps"


def optimizer_variables(name: str, optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Returns an optimiser's variables by a stable name."""
    found = {f"optimizer/{name}/{i:04d}": v for i, v in enumerate(optimizer.variables)}
    rows = getattr(optimizer, "row_steps", [])
    return found | {f"optimizer/{name}/{_ROW_STEPS}/{i:04d}": v for i, v in enumerate(rows)}


def restore_optimizer(
    checkpoint: Path, name: str, optimizer: keras.optimizers.Optimizer
) -> list[str]:
    """Restores an optimiser's variables, from before rows were followed one by one too.

    Args:
      checkpoint: the folder.
      name: as given to `optimizer_variables`.
      optimizer: built.

    Returns:
      The names restored.

    Raises:
      ValueError: as `restore`.
    """
    variables = optimizer_variables(name, optimizer)
    stored = set(stored_names(checkpoint))
    new = {n for n in variables if f"/{_ROW_STEPS}/" in n and n not in stored}
    restored = restore(checkpoint, {n: v for n, v in variables.items() if n not in new})
    if new:
        optimizer.settle_rows()
    return restored


def save(
    workdir: str | Path,
    step: int,
    variables: dict[str, keras.Variable],
    state: dict[str, Any],
) -> Path:
    """Writes a checkpoint atomically.

    Args:
      workdir: the run's folder.
      step: updates done.
      variables: everything to restore, by name.
      state: JSON values kept beside (stage, phase, metric).

    Returns:
      The checkpoint's folder.

    Raises:
      OSError: the disk is full or read-only; earlier checkpoints are as they were.
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
            prefix=str(partial / "tensors"),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.convert_to_tensor(variables[n]) for n in names],
        )
        meta = {"format_version": FORMAT_VERSION, "step": step, **state}
        (partial / "state.json").write_text(json.dumps(meta, indent=2), encoding="utf-8")
        _sync(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        _sync_folder(folder)
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(
            f"`workdir` could not take the checkpoint of step {step}; earlier ones are intact. "
            f"Received: workdir={str(workdir)!r} ({str(error).splitlines()[0]})"
        ) from error
    return final


def list_checkpoints(workdir: str | Path) -> list[Path]:
    """Returns the whole checkpoints of a run, oldest first."""
    return sorted((Path(workdir) / "checkpoints").glob("step-????????"))


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Reads `state.json`.

    Raises:
      ValueError: the checkpoint was written by another format version.
    """
    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    if state.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"`checkpoint` must be of format version {FORMAT_VERSION}. Received: "
            f"format_version={state.get('format_version')!r} in {str(checkpoint)!r}"
        )
    return state


def stored_names(checkpoint: Path) -> list[str]:
    """Returns the names of a checkpoint's tensors, sorted."""
    shapes = tf.train.load_checkpoint(str(checkpoint / "tensors")).get_variable_to_shape_map()
    return sorted(shapes)


def restore(
    checkpoint: Path, variables: dict[str, keras.Variable], partial: bool = False
) -> list[str]:
    """Assigns a checkpoint's tensors to the variables of the same names.

    Args:
      checkpoint: the folder.
      variables: by name.
      partial: True: variables that the checkpoint lacks keep their values.

    Returns:
      The names restored.

    Raises:
      ValueError: a variable is missing or of another shape.
    """
    read_state(checkpoint)
    reader = tf.train.load_checkpoint(str(checkpoint / "tensors"))
    shapes = reader.get_variable_to_shape_map()
    restored = []
    for name, variable in variables.items():
        if name not in shapes:
            if partial:
                continue
            raise ValueError(
                f"`checkpoint` lacks {name!r}: it is of another system. "
                f"Received: checkpoint={str(checkpoint)!r}"
            )
        if tuple(shapes[name]) != tuple(variable.shape):
            raise ValueError(
                f"`checkpoint` holds {name!r} of another shape: {tuple(shapes[name])}, "
                f"{tuple(variable.shape)} is needed (another vocabulary size or other fields?). "
                f"Received: checkpoint={str(checkpoint)!r}"
            )
        variable.assign(np.asarray(reader.get_tensor(name)))
        restored.append(name)
    return restored


def mark_best(workdir: str | Path, checkpoint: Path, metric: str, value: float) -> None:
    """Notes the best checkpoint by a validation metric, atomically."""
    path = Path(workdir) / "checkpoints" / "best.json"
    partial = path.with_suffix(".partial")
    best = {"checkpoint": checkpoint.name, "metric": metric, "value": value}
    partial.write_text(json.dumps(best), encoding="utf-8")
    os.replace(partial, path)


def repair_best(workdir: str | Path, checkpoint: Path) -> None:
    """Notes a checkpoint as the best if it was saved as such and a kill came in between."""
    state = read_state(checkpoint)
    if state.get("is_best"):
        mark_best(workdir, checkpoint, *state["metric"])


def all_finite(variables: dict[str, keras.Variable]) -> bool:
    """Returns whether every value of every floating variable is finite."""
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    checked = [tf.reduce_all(tf.math.is_finite(x)) for x in values if x.dtype.is_floating]
    return not checked or bool(tf.reduce_all(checked))


def read_best(workdir: str | Path) -> dict[str, Any] | None:
    """Returns what `mark_best` noted, or None."""
    path = Path(workdir) / "checkpoints" / "best.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def best_or_last(workdir: str | Path) -> Path:
    """Returns the best checkpoint of a run, or its last where none was judged.

    Raises:
      ValueError: there is no checkpoint.
    """
    found = list_checkpoints(workdir)
    if not found:
        raise ValueError(
            "`workdir` must hold checkpoints of a finished or running stage. "
            f"Received: workdir={str(workdir)!r}"
        )
    best = read_best(workdir)
    by_name = {path.name: path for path in found}
    return by_name.get(best["checkpoint"], found[-1]) if best else found[-1]


def prune(workdir: str | Path, keep_last: int = 2) -> None:
    """Removes all but the best and the last few checkpoints, and half-written ones."""
    best = read_best(workdir)
    kept = {path.name for path in list_checkpoints(workdir)[-keep_last:]}
    kept |= {best["checkpoint"]} if best else set()
    for path in list_checkpoints(workdir):
        if path.name not in kept:
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
