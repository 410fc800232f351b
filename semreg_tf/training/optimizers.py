"""Optimisers by group: dense gradients, weight decay, clipping, one update each."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from semreg_tf.config import StageConfig
from semreg_tf.models.annotator import Annotator


@keras.saving.register_keras_serializable("semreg_tf")
class FusedRMSprop(keras.optimizers.RMSprop):
    """RMSProp in one kernel a variable where it is plain: dense, not centred, float32.

    v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v + epsilon); w = w - m: Keras's own
    formula, in one pass over memory in place of several.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable; sparse gradients never come here (`dense`)."""
        index = self._get_variable_index(variable)
        velocity = self._velocities[index].value
        # Without momentum its slot is written but never read: the velocity's shape serves.
        momentum = self._momentums[index].value if self.momentum > 0 else self._unused(index)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=velocity.handle,
            mom=momentum.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=tf.cast(self.rho, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            use_locking=False,
        )

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the slots, and scratch ones for the kernel where there is no momentum."""
        super().build(variables)
        self._scratch = []
        if self.momentum == 0:
            self._scratch = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables]

    def _unused(self, index: int) -> tf.Variable:
        return self._scratch[index]


@dataclass
class ParameterGroup:
    """Variables that share an optimiser and a clipping threshold.

    Attributes:
      name: "encoder", "image_head", "tag_model" or "decoder".
      variables: what is trained.
      optimizer: applies the update.
      weight_decay: of kernels, added to the gradient (L2, as Caffe does).
    """

    name: str
    variables: list[keras.Variable]
    optimizer: keras.optimizers.Optimizer
    weight_decay: float


def build_groups(
    annotator: Annotator, names: tuple[str, ...], stage: StageConfig
) -> list[ParameterGroup]:
    """Builds one optimiser for each group that has variables.

    Args:
      annotator: whose variables are trained.
      names: groups of `annotator.GROUPS` that this phase trains.
      stage: rates, optimiser, schedule.

    Returns:
      The groups, their optimisers built.
    """
    rates = {"encoder": stage.encoder_rate, "image_head": stage.head_rate}
    groups = []
    for name in names:
        variables = annotator.variables(name)
        if not variables:
            continue
        optimizer = build_optimizer(stage, stage.learning_rate * rates.get(name, 1.0))
        optimizer.build(variables)
        groups.append(ParameterGroup(name, variables, optimizer, stage.weight_decay))
    return groups


def build_optimizer(stage: StageConfig, learning_rate: float) -> keras.optimizers.Optimizer:
    """Returns the optimiser a stage names, its schedule in steps."""
    rate = learning_rate
    if stage.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(stage.steps, 1))
    if stage.optimizer == "rmsprop":
        return FusedRMSprop(rate, rho=stage.rho, momentum=stage.momentum, epsilon=stage.epsilon)
    if stage.optimizer == "adam":
        return keras.optimizers.Adam(rate, epsilon=stage.epsilon)
    return keras.optimizers.SGD(rate, momentum=stage.momentum)


def dense(gradient: tf.Tensor | tf.IndexedSlices, variable: keras.Variable) -> tf.Tensor:
    """Returns the gradient as one tensor, repeated rows summed, zeros where there is none.

    Keras 3.15's RMSprop and Adam accumulate the squares of a repeated row one by one, which is
    wrong wherever a word repeats in a batch.
    """
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
    return gradient


def apply_gradients(
    groups: list[ParameterGroup],
    gradients: list[list[tf.Tensor]],
    clip_norm: float | None,
    encoder_clip_norm: float | None,
) -> dict[str, tf.Tensor]:
    """Clips by global norm, the CNN apart from the rest, and updates.

    Args:
      groups: what is trained.
      gradients: of each group's variables, summed losses' scale.
      clip_norm: threshold of head, tags and decoder together; None: no clipping.
      encoder_clip_norm: threshold of the CNN; None: no clipping.

    Returns:
      `gradient_norm` and, where the CNN trains, `encoder_gradient_norm`, before clipping, and
      `clipped` and `encoder_clipped`, 0 or 1: float32 scalars.
    """
    logs: dict[str, tf.Tensor] = {}
    made = [
        [dense(g, v) for g, v in zip(own, group.variables, strict=True)]
        for own, group in zip(gradients, groups, strict=True)
    ]
    for prefix, threshold, is_encoder in (
        ("encoder_", encoder_clip_norm, True),
        ("", clip_norm, False),
    ):
        chosen = [i for i, g in enumerate(groups) if (g.name == "encoder") == is_encoder]
        if not chosen:
            continue
        norm = tf.linalg.global_norm([g for i in chosen for g in made[i]])
        logs[f"{prefix}gradient_norm"] = norm
        if threshold is not None:
            scale = tf.minimum(1.0, threshold / tf.maximum(norm, 1e-12))
            for i in chosen:
                made[i] = [g * tf.cast(scale, g.dtype) for g in made[i]]
            logs[f"{prefix}clipped"] = tf.cast(norm > threshold, tf.float32)
    for group, own in zip(groups, made, strict=True):
        if group.weight_decay:
            own = [
                g + group.weight_decay * v.value if len(v.shape) > 1 else g
                for g, v in zip(own, group.variables, strict=True)
            ]
        group.optimizer.apply_gradients(zip(own, group.variables, strict=True))
    return logs
