"""Keras's optimisers with one kernel a variable in place of several passes over memory.

Slots, schedules and formulas are Keras's; gradients are dense float32 tensors. The kernels write
through handles, so that inside a strategy each replica moves its own copy of a variable.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("semreg_tf")
class FusedRMSprop(keras.optimizers.RMSprop):
    """v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v + epsilon); w = w - m."""

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the slots, and scratch ones for the kernel where there is no momentum."""
        super().build(variables)
        self._scratch = []
        if self.momentum == 0:
            self._scratch = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables]

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        # Without momentum the kernel writes its slot but never reads it.
        momentum = self._momentums[index].value if self.momentum > 0 else self._scratch[index]
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.value.handle,
            ms=self._velocities[index].value.handle,
            mom=momentum.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=tf.cast(self.rho, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            use_locking=False,
        )


@keras.saving.register_keras_serializable("semreg_tf")
class FusedSGD(keras.optimizers.SGD):
    """m = momentum m - rate g; w = w + m."""

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable."""
        rate = tf.cast(learning_rate, variable.dtype)
        if self.momentum == 0:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.value.handle, alpha=rate, delta=gradient
            )
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.value.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
        )


@keras.saving.register_keras_serializable("semreg_tf")
class FusedAdam(keras.optimizers.Adam):
    """m, v: running means of g and g^2; w = w - rate m' / (sqrt(v') + epsilon), both unbiased."""

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        step = tf.cast(tf.convert_to_tensor(self.iterations.value) + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )
