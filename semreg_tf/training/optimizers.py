"""Optimisers of parameter groups: weight decay, clipping and updates."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from semreg_tf.config import StageConfig
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.fused_optimizers import FusedAdam, FusedRMSprop, FusedSGD
from semreg_tf.training.gradients import Gradient, values, with_values
from semreg_tf.training.phase import Phase


@dataclass
class ParameterGroup:
    """Variables that share an optimiser and a clipping threshold.

    Attributes:
      name: "encoder", "image_head", "tag_model" or "decoder".
      variables: the trained variables.
      optimizer: the optimiser.
      weight_decay: L2 weight decay of kernels, added to the gradient as in Caffe.
    """

    name: str
    variables: list[keras.Variable]
    optimizer: keras.optimizers.Optimizer
    weight_decay: float

    def accepts_rows(self, variable: keras.Variable) -> bool:
        """Returns whether the gradient of a variable may consist of some of its rows."""
        rmsprop = isinstance(self.optimizer, FusedRMSprop)
        return rmsprop and self.optimizer.follows_rows(variable)


def build_groups(annotator: Annotator, phase: Phase) -> list[ParameterGroup]:
    """Returns the groups of a phase that have variables, each with a built optimiser."""
    groups = []
    for group in phase.trained:
        variables = annotator.variables(group.name)
        if not variables:
            continue
        optimizer = build_optimizer(phase.section, group.learning_rate, phase.steps)
        optimizer.build(variables)
        by_row = isinstance(optimizer, FusedRMSprop) and not group.weight_decay
        if group.name == "decoder" and by_row:
            optimizer.follow_rows(annotator.decoder.variables_read_by_row)
        groups.append(ParameterGroup(group.name, variables, optimizer, group.weight_decay))
    return groups


def build_optimizer(
    stage: StageConfig, learning_rate: float, steps: int
) -> keras.optimizers.Optimizer:
    """Returns the optimiser of a stage, with a schedule of `steps`."""
    rate = learning_rate
    if stage.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(steps, 1))
    if stage.optimizer == "rmsprop":
        return FusedRMSprop(rate, rho=stage.rho, momentum=stage.momentum, epsilon=stage.epsilon)
    if stage.optimizer == "adam":
        return FusedAdam(rate, epsilon=stage.epsilon)
    return FusedSGD(rate, momentum=stage.momentum)


def clip_gradients(
    groups: list[ParameterGroup],
    gradients: list[list[Gradient]],
    clip_norm: float | None,
    encoder_clip_norm: float | None,
    length: tf.Tensor | float = 1.0,
) -> tuple[list[list[Gradient]], dict[str, tf.Tensor]]:
    """Clips gradients by global norm, those of the CNN separately.

    Args:
      groups: the parameter groups.
      gradients: gradients of each group's variables, with distinct rows, of the summed losses and
        summed over replicas.
      clip_norm: threshold for head, tag model and decoder together; None: no clipping.
      encoder_clip_norm: threshold for the CNN; None: no clipping.
      length: the norm is divided by it before it is compared with `clip_norm`.

    Returns:
      The clipped gradients, and float32 scalars: `gradient_norm` and, if the CNN is trained,
      `encoder_gradient_norm` before clipping, and `clipped` and `encoder_clipped`, 0 or 1.
    """
    logs: dict[str, tf.Tensor] = {}
    clipped = list(gradients)
    scaled_norm = None if clip_norm is None else clip_norm * length
    for prefix, threshold, is_encoder in (
        ("encoder_", encoder_clip_norm, True),
        ("", scaled_norm, False),
    ):
        chosen = [i for i, g in enumerate(groups) if (g.name == "encoder") == is_encoder]
        if not chosen:
            continue
        norm = tf.linalg.global_norm([values(g) for i in chosen for g in gradients[i]])
        logs[f"{prefix}gradient_norm"] = norm
        if threshold is not None:
            flat = iter(_clipped([g for i in chosen for g in gradients[i]], norm, threshold))
            for i in chosen:
                clipped[i] = [next(flat) for _ in gradients[i]]
            logs[f"{prefix}clipped"] = tf.cast(norm > threshold, tf.float32)
    return clipped, logs


def _clipped(
    gradients: list[Gradient], norm: tf.Tensor, threshold: tf.Tensor | float
) -> list[Gradient]:
    """Scales gradients to at most `threshold`; it writes no memory if their norm is lower."""
    tensors = [values(g) for g in gradients]

    def scaled() -> list[tf.Tensor]:
        return [x * tf.cast(threshold / norm, x.dtype) for x in tensors]

    results = tf.cond(norm > threshold, scaled, lambda: [tf.identity(x) for x in tensors])
    # `tf.cond` unpacks lists of one tensor.
    results = results if isinstance(results, list | tuple) else [results]
    return [with_values(g, x) for g, x in zip(gradients, results, strict=True)]


def update_variables(groups: list[ParameterGroup], gradients: list[list[Gradient]]) -> None:
    """Adds the weight decay and updates all variables; each replica updates its own copy.

    Args:
      groups: the parameter groups.
      gradients: gradients of each group's variables, equal on all replicas, as rows only if the
        group accepts them.
    """
    for group, group_gradients in zip(groups, gradients, strict=True):
        optimizer = group.optimizer
        rate = tf.convert_to_tensor(optimizer.learning_rate)
        for gradient, variable in zip(group_gradients, group.variables, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                optimizer.update_rows(gradient, variable, rate)
                continue
            if group.weight_decay and len(variable.shape) > 1:
                gradient += group.weight_decay * variable.value
            optimizer.update_step(gradient, variable, rate)
        step = optimizer.iterations.value
        tf.raw_ops.AssignAddVariableOp(resource=step.handle, value=tf.ones((), step.dtype))


def learning_rates(groups: list[ParameterGroup]) -> dict[str, tf.Tensor]:
    """Returns the learning rate of each group's next update, as `learning_rate/<group>`."""
    return {
        f"learning_rate/{g.name}": tf.convert_to_tensor(g.optimizer.learning_rate) for g in groups
    }
