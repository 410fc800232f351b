"""Dynamic loss scaling, which keeps small float16 gradients from underflowing.

Micikevicius et al., Mixed Precision Training, ICLR 2018: the loss is multiplied by a scale and the
gradients are divided by it. Updates with gradients that are not finite are skipped, and the scale
is halved; after many successful updates in a row it is doubled.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from semreg_tf.training.gradients import Gradient, values, with_values

INITIAL_SCALE = 2.0**15
GROWTH_STEPS = 2_000
MAX_SCALE = 2.0**24


class LossScale:
    """The scale and the number of successful steps since its last change.

    Args:
      initial: the initial scale.
      growth_steps: number of successful steps in a row after which the scale is doubled.

    Example:
      >>> LossScale(8.0).scale
    """

    def __init__(self, initial: float = INITIAL_SCALE, growth_steps: int = GROWTH_STEPS) -> None:
        self.growth_steps = growth_steps
        self._scale = keras.Variable(initial, trainable=False, dtype="float32", name="scale")
        self._good_steps = keras.Variable(0, trainable=False, dtype="int32", name="good_steps")

    @property
    def scale(self) -> tf.Tensor:
        """The factor of the loss, a float32 scalar."""
        return tf.convert_to_tensor(self._scale.value)

    def variables(self) -> dict[str, keras.Variable]:
        """Returns the variables for checkpoints, by name."""
        return {"loss_scale/scale": self._scale, "loss_scale/good_steps": self._good_steps}

    def unscale(self, gradients: list[Gradient]) -> list[Gradient]:
        """Returns the gradients of the loss from those of the scaled loss."""
        return [with_values(g, values(g) / tf.cast(self.scale, g.dtype)) for g in gradients]

    def update(self, finite: tf.Tensor, update: Callable[[], None]) -> dict[str, tf.Tensor]:
        """Calls `update` if the gradients are finite, and changes the scale.

        Args:
          finite: whether all gradients are finite, a bool scalar, equal on all replicas.
          update: applies the gradients.

        Returns:
          `loss_scale` of this step and `skipped`, 0 or 1, as float32 scalars.
        """
        scale, good = self.scale, tf.convert_to_tensor(self._good_steps.value)

        def apply() -> tf.Tensor:
            update()
            return tf.constant(0.0)

        skipped = tf.cond(finite, apply, lambda: tf.constant(1.0))
        grown = good + 1 >= self.growth_steps
        better = tf.where(grown, tf.minimum(2.0 * scale, MAX_SCALE), scale)
        changed = tf.where(finite, better, tf.maximum(0.5 * scale, 1.0))
        count = tf.where(finite & ~grown, good + 1, 0)
        for variable, value in ((self._scale, changed), (self._good_steps, count)):
            # Assigned through the handle: every replica sets its own copy to the same value.
            tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)
        return {"loss_scale": scale, "skipped": skipped}
