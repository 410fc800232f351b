"""Keras's optimisers with one fused kernel per variable in place of several passes over memory.

Slots, schedules and formulas are Keras's. Gradients are dense float32 tensors, or rows of the
variables that `FusedRMSprop` follows. The kernels write through handles, so that under a strategy
each replica updates its own copy of a variable.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("semreg_tf")
class FusedRMSprop(keras.optimizers.RMSprop):
    """v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v + epsilon); w = w - m.

    Without momentum, a row with zero gradient does not change, except that its v is multiplied by
    rho. For variables given to `follow_rows`, rows without gradient are skipped, and v is
    multiplied by rho^n at the row's next gradient, where n is the number of skipped updates. The
    steps of rows are stored in float32, which is exact up to 2^24.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the slots, and without momentum scratch slots that the kernel requires."""
        super().build(variables)
        self._scratch = []
        if self.momentum == 0:
            self._scratch = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables]
        self._row_steps: list[keras.Variable | None] = [None] * len(variables)

    def follow_rows(self, variables: list[keras.Variable]) -> None:
        """Enables `update_rows` for variables; with momentum it has no effect, as all rows move."""
        for variable in variables if self.momentum == 0 else []:
            self._row_steps[self._get_variable_index(variable)] = keras.Variable(
                tf.zeros((variable.shape[0],)), trainable=False, name="row_steps"
            )

    def follows_rows(self, variable: keras.Variable) -> bool:
        """Returns whether `update_rows` is enabled for a variable."""
        return self._row_steps[self._get_variable_index(variable)] is not None

    @property
    def row_steps(self) -> list[keras.Variable]:
        """The update at which v of each row was last current, (rows,), per followed variable."""
        return [steps for steps in self._row_steps if steps is not None]

    def sync_row_steps(self) -> None:
        """Declares all v current, for slots that were restored without `row_steps`."""
        for steps in self.row_steps:
            steps.assign(tf.fill(steps.shape, self._updates_done()))

    def update_rows(
        self, gradient: tf.IndexedSlices, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates the rows of a followed variable that the gradient has, which must be distinct."""
        index, rows = self._get_variable_index(variable), gradient.indices
        slot, row_steps = (x[index].value.handle for x in (self._velocities, self._row_steps))
        done = self._updates_done()
        read, write = tf.raw_ops.ResourceGather, tf.raw_ops.ResourceScatterUpdate
        skipped = done - read(resource=row_steps, indices=rows, dtype=done.dtype)
        velocity = read(resource=slot, indices=rows, dtype=variable.dtype)
        velocity *= tf.pow(self.rho, skipped + 1)[:, None]
        velocity += (1 - self.rho) * tf.square(gradient.values)
        move = learning_rate * gradient.values / tf.sqrt(velocity + self.epsilon)
        write(resource=slot, indices=rows, updates=velocity)
        write(resource=row_steps, indices=rows, updates=tf.fill(tf.shape(rows), done + 1))
        tf.raw_ops.ResourceScatterSub(resource=variable.value.handle, indices=rows, updates=move)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        if self._row_steps[index] is not None:
            self._catch_up(index)
        # Without momentum the kernel writes this slot but does not read it.
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

    def _updates_done(self) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(self.iterations.value), tf.float32)

    def _catch_up(self, index: int) -> None:
        """Applies the skipped updates of v to all rows before a dense update."""
        slot, row_steps = (x[index].value.handle for x in (self._velocities, self._row_steps))
        done = self._updates_done()
        skipped = done - tf.raw_ops.ReadVariableOp(resource=row_steps, dtype=done.dtype)

        def decay() -> None:
            velocity = tf.raw_ops.ReadVariableOp(resource=slot, dtype=tf.float32)
            decayed = velocity * tf.pow(self.rho, skipped)[:, None]
            tf.raw_ops.AssignVariableOp(resource=slot, value=decayed)

        tf.cond(tf.reduce_any(skipped > 0), decay, lambda: None)
        tf.raw_ops.AssignVariableOp(resource=row_steps, value=tf.fill(tf.shape(skipped), done + 1))


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
    """w = w - rate m' / (sqrt(v') + epsilon), with unbiased running means m' of g and v' of g^2."""

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
