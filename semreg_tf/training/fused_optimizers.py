"""Keras's optimisers with one kernel a variable in place of several passes over memory.

Slots, schedules and formulas are Keras's; gradients are dense float32 tensors, or rows where
`FusedRMSprop` follows them. The kernels write through handles, so that inside a strategy each
replica moves its own copy of a variable.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("semreg_tf")
class FusedRMSprop(keras.optimizers.RMSprop):
    """v = rho v + (1 - rho) g^2; m = momentum m + rate g / sqrt(v + epsilon); w = w - m.

    Without momentum a row whose gradient is zero stays where it is while its v shrinks by rho.
    Of the variables given to `follow_rows` such rows are left alone, and v is multiplied by the
    rho^n it missed once a gradient comes. The n-th update of a row is noted in float32, which
    counts exactly to 2^24 steps.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the slots, and scratch ones for the kernel where there is no momentum."""
        super().build(variables)
        self._scratch = []
        if self.momentum == 0:
            self._scratch = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables]
        self._row_steps: list[keras.Variable | None] = [None] * len(variables)

    def follow_rows(self, variables: list[keras.Variable]) -> None:
        """Creates what `update_rows` needs of these; with momentum every row moves: nothing."""
        for variable in variables if self.momentum == 0 else []:
            self._row_steps[self._get_variable_index(variable)] = keras.Variable(
                tf.zeros((variable.shape[0],)), trainable=False, name="row_steps"
            )

    def follows_rows(self, variable: keras.Variable) -> bool:
        """Returns whether `update_rows` takes this variable."""
        return self._row_steps[self._get_variable_index(variable)] is not None

    @property
    def row_steps(self) -> list[keras.Variable]:
        """The updates done when v of each row was last right, (rows,) a followed variable."""
        return [steps for steps in self._row_steps if steps is not None]

    def sync_row_steps(self) -> None:
        """Takes every v as right now: for slots that were written without `row_steps`."""
        for steps in self.row_steps:
            steps.assign(tf.fill(steps.shape, self._updates_done()))

    def update_rows(
        self, gradient: tf.IndexedSlices, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates the rows of a followed variable that a gradient has, each of them once."""
        index, rows = self._get_variable_index(variable), gradient.indices
        slot, noted = (x[index].value.handle for x in (self._velocities, self._row_steps))
        done = self._updates_done()
        read, write = tf.raw_ops.ResourceGather, tf.raw_ops.ResourceScatterUpdate
        missed = done - read(resource=noted, indices=rows, dtype=done.dtype)
        velocity = read(resource=slot, indices=rows, dtype=variable.dtype)
        velocity *= tf.pow(self.rho, missed + 1)[:, None]
        velocity += (1 - self.rho) * tf.square(gradient.values)
        move = learning_rate * gradient.values / tf.sqrt(velocity + self.epsilon)
        write(resource=slot, indices=rows, updates=velocity)
        write(resource=noted, indices=rows, updates=tf.fill(tf.shape(rows), done + 1))
        tf.raw_ops.ResourceScatterSub(resource=variable.value.handle, indices=rows, updates=move)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        if self._row_steps[index] is not None:
            self._catch_up(index)
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

    def _updates_done(self) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(self.iterations.value), tf.float32)

    def _catch_up(self, index: int) -> None:
        """Makes v of all rows what it is before this update, and notes that they all get it."""
        slot, noted = (x[index].value.handle for x in (self._velocities, self._row_steps))
        done = self._updates_done()
        missed = done - tf.raw_ops.ReadVariableOp(resource=noted, dtype=done.dtype)

        def shrink() -> None:
            velocity = tf.raw_ops.ReadVariableOp(resource=slot, dtype=tf.float32)
            shrunk = velocity * tf.pow(self.rho, missed)[:, None]
            tf.raw_ops.AssignVariableOp(resource=slot, value=shrunk)

        tf.cond(tf.reduce_any(missed > 0), shrink, lambda: None)
        tf.raw_ops.AssignVariableOp(resource=noted, value=tf.fill(tf.shape(missed), done + 1))


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
