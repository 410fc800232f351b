"""Compares the gradients of Lu and of Lr (eq. 4) for the CNN and the concept head."""

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from semreg_tf.models.annotator import Annotator
from semreg_tf.training import workdir
from semreg_tf.training.gradients import Gradient
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phase import Phase
from semreg_tf.training.phases import find_stage
from semreg_tf.training.replayed_batches import replay
from semreg_tf.training.train_step import Gradients

_SHARED_GROUPS = ("encoder", "image_head")


def measure_gradients(
    path: str | Path, data_dir: str | Path, num_batches: int = 20
) -> dict[str, Any]:
    """Computes the gradients of both losses on the first training batches of the joint stage.

    Dropout and augmentation are on; no weight is updated.

    Args:
      path: work directory of a joint stage; its best checkpoint is read.
      data_dir: the folder of prepared data sets.
      num_batches: number of batches, over which the figures are averaged.

    Returns:
      `experiment`, `num_batches`, `batch_size` and `groups`: for "encoder" (if it is trained) and
      "image_head" the mean `unary_norm` and `relational_norm` of the weighted losses before
      clipping, and the mean `cosine` between both gradients, None if one is always zero.

    Raises:
      ValueError: the folder is not of a joint stage, or data is missing.
    """
    if num_batches < 1:
        raise ValueError(f"`num_batches` must be at least 1. Received: num_batches={num_batches}")
    config, _, stage_name = workdir.load_run(path)
    stage = find_stage(config, stage_name)
    joint_phases = [p for p in stage.planned if {"image_head", "decoder"} <= set(p.groups)]
    if not joint_phases:
        raise ValueError(
            "`workdir` must be of a joint stage, which has both losses: it is of the "
            f"{stage.name} stage. Received: workdir={str(path)!r}"
        )
    (phase,) = joint_phases
    annotator, batches = replay(path, data_dir, stage, phase, num_batches)
    gradients_of = BothGradients(annotator, phase)
    by_group: dict[str, list[dict[str, float]]] = {}
    for tensors, seed in batches:
        for name, figures in gradients_of(tensors, seed).items():
            by_group.setdefault(name, []).append({k: float(v) for k, v in figures.items()})
    return {
        "experiment": config.name,
        "num_batches": num_batches,
        "batch_size": config.joint.batch_size,
        "groups": {name: _means(rows) for name, rows in by_group.items()},
    }


class BothGradients:
    """Norms of the gradients of Lu and of Lr, and the cosine between them, by parameter group."""

    def __init__(self, annotator: Annotator, phase: Phase) -> None:
        trained = tuple(group for group in phase.trained if group.name in _SHARED_GROUPS)
        self._groups = build_groups(annotator, dataclasses.replace(phase, trained=trained))
        self._gradients_of = [
            Gradients(
                annotator,
                dataclasses.replace(phase, loss=loss),
                self._groups,
                packed=True,
                rows=False,
            )
            for loss in (
                dataclasses.replace(phase.loss, relational_weight=0.0),
                dataclasses.replace(phase.loss, unary_weight=0.0),
            )
        ]

    @tf.function(reduce_retracing=True)
    def __call__(
        self, tensors: dict[str, tf.Tensor], seed: tf.Tensor
    ) -> dict[str, dict[str, tf.Tensor]]:
        """Returns for each group `unary_norm`, `relational_norm` and `cosine`, float32 scalars.

        Both losses get the same dropout masks from the seed, (2,) int32.
        """
        unary, relational = (iter(f(tensors, seed, tf.ones(()))[1]) for f in self._gradients_of)
        by_group = {}
        for group in self._groups:
            of_unary = [next(unary) for _ in group.variables]
            of_relational = [next(relational) for _ in group.variables]
            norms = tf.linalg.global_norm(of_unary), tf.linalg.global_norm(of_relational)
            by_group[group.name] = {
                "unary_norm": norms[0],
                "relational_norm": norms[1],
                "cosine": _product(of_unary, of_relational) / (norms[0] * norms[1]),
            }
        return by_group


def _product(left: list[Gradient], right: list[Gradient]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(a * b) for a, b in zip(left, right, strict=True)])


def _means(rows: list[dict[str, float]]) -> dict[str, float | None]:
    """Returns the means over batches; a cosine that is never defined is None."""
    means: dict[str, float | None] = {}
    for name in rows[0]:
        # NaN, from zero norms, is left out.
        values = [row[name] for row in rows if row[name] == row[name]]
        means[name] = sum(values) / len(values) if values else None
    return means
