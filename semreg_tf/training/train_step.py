"""The training step: losses, gradients summed over replicas, clipping, updates."""

from collections.abc import Callable

import keras
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.distribution import Distribution, replica_index, sum_over_replicas
from semreg_tf.training.gradients import Gradient, dense, summed_rows
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.optimizers import (
    ParameterGroup,
    clip_gradients,
    learning_rates,
    update_variables,
)
from semreg_tf.training.phase import Phase
from semreg_tf.training.weight_average import WeightAverage

TrainStep = Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]]
# Lengths are padded to a multiple of this, because XLA compiles once for each shape.
TIME_MULTIPLE = 8


def build_train_step(
    annotator: Annotator,
    phase: Phase,
    groups: list[ParameterGroup],
    jit_compile: bool = False,
    distribution: Distribution | None = None,
    loss_scale: LossScale | None = None,
    average: WeightAverage | None = None,
) -> TrainStep:
    """Returns the compiled training step of a phase.

    The loss is the mean over the global batch. Gradients are summed over replicas, then clipped.
    Dropout masks and sampled losses depend on (seed, step, replica). Batch normalisation uses the
    statistics of its replica; moving averages are averaged over replicas.

    Args:
      annotator: the models.
      phase: the phase: loss and clipping.
      groups: variables and their optimisers.
      jit_compile: whether XLA compiles losses and gradients, once for each shape, so batches should
        come from `pad_time`. Logits are then computed at padding too.
      distribution: the replicas; None: one.
      loss_scale: loss scaling for float16; None: no scaling.
      average: the moving average of the weights, which each update changes; None: no average.

    Returns:
      A function from a batch and a seed, (2,) int32 (the run's seed and the stage's step), to
      float32 scalars: the losses of `PhaseLoss`, the norms of `clip_gradients`, the learning rates
      and the results of `LossScale.update`.
    """
    distribution = distribution or Distribution()
    # Only dense gradients can be summed over replicas or compiled.
    rows = distribution.num_replicas == 1 and not jit_compile
    gradients_of = Gradients(annotator, phase, groups, not jit_compile, rows)
    compute = tf.function(gradients_of, jit_compile=True) if jit_compile else gradients_of

    def replica_step(tensors: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.cast(tf.shape(next(iter(tensors.values())))[0], tf.float32)
        share = rows / sum_over_replicas([rows])[0]
        step = seed[1]
        if distribution.num_replicas > 1:
            seed = tf.random.experimental.stateless_fold_in(seed, replica_index())
        scale = tf.ones(()) if loss_scale is None else loss_scale.scale
        losses, gradients, statistics = compute(tensors, seed, share * scale, step)
        gradients = sum_over_replicas(gradients)
        if loss_scale is not None:
            gradients = loss_scale.unscale(gradients)
        flat = iter(gradients)
        by_group = [[next(flat) for _ in group.variables] for group in groups]
        scalars = _over_replicas(losses, share)
        section, length = phase.section, 1.0
        if section.clip_scale == "word" and (phase.loss.words or phase.loss.reward):
            length = mean_length(scalars)
        by_group, logs = clip_gradients(
            groups, by_group, section.clip_norm, section.encoder_clip_norm, length
        )
        logs |= learning_rates(groups)
        new_statistics = sum_over_replicas([share * x for x in statistics])

        def update() -> None:
            update_variables(groups, by_group)
            for variable, value in zip(gradients_of.statistics, new_statistics, strict=True):
                tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)
            if average is not None:
                average.update()

        if loss_scale is None:
            update()
        else:
            norms = [norm for name, norm in logs.items() if name.endswith("gradient_norm")]
            logs |= loss_scale.update(tf.reduce_all(tf.math.is_finite(tf.stack(norms))), update)
        return {**scalars, **logs}

    @tf.function(reduce_retracing=True)
    def step(tensors: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        return distribution.run(replica_step, tensors, seed)

    return step


class Gradients:
    """Computes losses, gradients and new moving statistics of one replica, as a pure function.

    Keras's dropout and batch normalisation write to variables. Here, masks depend on the seed and
    the new statistics are returned, so that the function can be compiled, repeated and distributed.

    Attributes:
      statistics: the moving averages whose new values are returned.

    Args:
      annotator: the models.
      phase: the phase, whose loss is computed.
      groups: the parameter groups.
      packed: as for `PhaseLoss`.
      rows: whether gradients may be rows of a variable, for groups that accept them.
    """

    def __init__(
        self,
        annotator: Annotator,
        phase: Phase,
        groups: list[ParameterGroup],
        packed: bool,
        rows: bool,
    ) -> None:
        self._annotator, self._loss, self._packed = annotator, phase.loss, packed
        self._trained = [v for group in groups for v in group.variables]
        self._rows = [rows and group.accepts_rows(v) for group in groups for v in group.variables]
        self._seeds = annotator.seed_states()
        self.statistics = phase.loss.moved_statistics(annotator)

    def __call__(
        self,
        tensors: dict[str, tf.Tensor],
        seed: tf.Tensor,
        scale: tf.Tensor,
        step: tf.Tensor | int = 0,
    ) -> tuple[dict[str, tf.Tensor], list[Gradient], list[tf.Tensor]]:
        """Computes losses and gradients.

        Args:
          tensors: this replica's batch, with keys of `semreg_tf.data.batch`.
          seed: seed of dropout and sampled losses, (2,) int32.
          scale: the factor of the loss, a float32 scalar.
          step: the stage's step.

        Returns:
          The losses of `PhaseLoss`; the float32 gradients of the scaled loss, in the order of the
          groups' variables; the new values of `statistics`.
        """
        fold_in = tf.random.experimental.stateless_fold_in
        seeds = [(v, tf.cast(fold_in(seed, i), v.dtype)) for i, v in enumerate(self._seeds)]
        variables = [v.value for v in self._trained]
        with keras.StatelessScope(state_mapping=seeds) as scope:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                losses = self._loss(self._annotator, tensors, seed, self._packed, step)
                loss = losses["loss"] * scale
            gradients = tape.gradient(loss, variables)
        gradients = [
            summed_rows(g) if rows and isinstance(g, tf.IndexedSlices) else dense(g, v)
            for g, v, rows in zip(gradients, self._trained, self._rows, strict=True)
        ]
        updated = [scope.get_current_value(v) for v in self.statistics]
        statistics = [
            tf.convert_to_tensor(v.value) if value is None else value
            for v, value in zip(self.statistics, updated, strict=True)
        ]
        return losses, gradients, statistics


def mean_length(scalars: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns the mean caption length of a batch in words, counting END.

    It is Lr / (Lr per word), or that of the sampled captions.
    """
    if "caption_length" in scalars:
        return scalars["caption_length"]
    length = tf.math.divide_no_nan(scalars["relational_loss"], scalars["loss_per_word"])
    return tf.where(length > 0, length, 1.0)


def _over_replicas(losses: dict[str, tf.Tensor], share: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the scalars of the global batch from those of each replica's share."""
    words = losses.get("num_words", tf.zeros(()))
    weights = {"num_words": 1.0, "loss_per_word": words}
    names = sorted(losses)
    scaled = [tf.cast(losses[n], tf.float32) * weights.get(n, share) for n in names]
    *sums, words = tf.unstack(sum_over_replicas([tf.stack([*scaled, words])])[0])
    summed = dict(zip(names, sums, strict=True))
    if "loss_per_word" in summed:
        summed["loss_per_word"] = tf.math.divide_no_nan(summed["loss_per_word"], words)
    return summed


def pad_time(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns a batch whose sequences are padded to a multiple of `TIME_MULTIPLE`, for XLA."""

    def pad(value: tf.Tensor) -> tf.Tensor:
        return tf.pad(value, [[0, 0], [0, 0], [0, -tf.shape(value)[2] % TIME_MULTIPLE]])

    return {k: pad(v) if k in batch.SEQUENCE_KEYS else v for k, v in tensors.items()}
