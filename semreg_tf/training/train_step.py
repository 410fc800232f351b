"""One update: losses, gradients by group, clipping, optimisers."""

from collections.abc import Callable

import tensorflow as tf

from semreg_tf.config import StageConfig
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.optimizers import ParameterGroup, apply_gradients
from semreg_tf.training.stages import Phase, stage_losses

TrainStep = Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]]


def build_train_step(
    annotator: Annotator,
    phase: Phase,
    section: StageConfig,
    groups: list[ParameterGroup],
    jit_compile: bool = False,
) -> TrainStep:
    """Compiles the update of a phase.

    Args:
      annotator: the models.
      phase: what is trained, on which keys.
      section: the stage's config.
      groups: variables and their optimisers.
      jit_compile: whether XLA compiles it.

    Returns:
      A function of a batch and a seed, int32 (2,), to float32 scalars: the losses of
      `stage_losses` and the norms of `apply_gradients`.
    """
    variables = [v.value for group in groups for v in group.variables]

    @tf.function(jit_compile=jit_compile, reduce_retracing=True)
    def step(tensors: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            made = stage_losses(annotator, tensors, phase, section, seed)
        gradients = iter(tape.gradient(made["loss"], variables))
        by_group = [[next(gradients) for _ in group.variables] for group in groups]

        logs = apply_gradients(groups, by_group, section.clip_norm, section.encoder_clip_norm)
        return {**made, **logs}

    return step
