"""Measures how often the gradients of batches of short and of long captions are clipped."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.training import workdir
from semreg_tf.training.gradients import values
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.replayed_batches import replay
from semreg_tf.training.train_step import Gradients, mean_length


def measure_clipping(
    path: str | Path, data_dir: str | Path, num_batches: int = 200, num_buckets: int = 5
) -> dict[str, Any]:
    """Computes gradients of training batches with a run's weights, in buckets of caption length.

    Dropout is on; no weight is updated.

    Args:
      path: work directory of a stage that trains the decoder; its best checkpoint is read.
      data_dir: the folder of prepared data sets.
      num_batches: number of batches.
      num_buckets: number of buckets with equally many batches, shortest captions first.

    Returns:
      `experiment`, `stage`, `clip_norm`, `num_batches` and `buckets`. A bucket has `mean_length`
      (words of a caption, counting END), `mean_norm` (of the gradient of the summed loss, without
      the CNN's), `norm_per_word` (norm / length), `clipped` (fraction of batches whose norm exceeds
      `clip_norm`) and `kept` (mean fraction of the norm that remains after clipping).
      `clipped_per_word` and `kept_per_word` are the same for norm / length and the threshold
      `clip_norm` / mean length of all batches.

    Raises:
      ValueError: the run's stage does not clip the decoder's gradients, or data is missing.
    """
    for name, value in (("num_batches", num_batches), ("num_buckets", num_buckets)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    config, _, stage_name = workdir.load_run(path)
    stage = find_stage(config, stage_name)
    threshold = stage.section.clip_norm
    if not stage.trains_decoder or threshold is None:
        raise ValueError(
            "`workdir` must be of a stage that trains the decoder with a `clip_norm`. "
            f"Received: workdir={str(path)!r}, of the {stage.name} stage, clip_norm={threshold}"
        )
    # The phase that trains everything; others train a part.
    phase = max(stage.planned, key=lambda phase: len(phase.groups))
    annotator, batches = replay(path, data_dir, stage, phase, num_batches)
    groups = build_groups(annotator, phase)
    gradients_of = Gradients(annotator, phase, groups, packed=True, rows=False)
    in_encoder = [group.name == "encoder" for group in groups for _ in group.variables]

    @tf.function(reduce_retracing=True)
    def measure(tensors: dict[str, tf.Tensor], seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scalars, gradients, _ = gradients_of(tensors, seed, tf.ones(()))
        rest = [g for g, encoder in zip(gradients, in_encoder, strict=True) if not encoder]
        return mean_length(scalars), tf.linalg.global_norm([values(g) for g in rest])

    rows = [[float(x) for x in measure(*seeded)] for seeded in batches]
    return {
        "experiment": config.name,
        "stage": stage.name,
        "clip_norm": threshold,
        "num_batches": len(rows),
        "buckets": by_length(np.array(rows), threshold, num_buckets),
    }


def by_length(rows: np.ndarray, threshold: float, num_buckets: int) -> list[dict[str, float]]:
    """Returns the buckets of `measure_clipping`.

    Args:
      rows: mean length and gradient norm of each batch, (batches, 2).
      threshold: the threshold of the norm.
      num_buckets: maximum number of buckets; empty ones are left out.
    """
    per_word = threshold / rows[:, 0].mean()
    buckets = []
    for bucket in np.array_split(rows[np.argsort(rows[:, 0], kind="stable")], num_buckets):
        if not len(bucket):
            continue
        lengths, norms = bucket.T
        buckets.append(
            {
                "mean_length": float(lengths.mean()),
                "mean_norm": float(norms.mean()),
                "norm_per_word": float((norms / lengths).mean()),
                "clipped": float((norms > threshold).mean()),
                "kept": float(np.minimum(1.0, threshold / norms).mean()),
                "clipped_per_word": float((norms / lengths > per_word).mean()),
                "kept_per_word": float(np.minimum(1.0, per_word * lengths / norms).mean()),
            }
        )
    return buckets
