"""The unroll of a cell over time, its input projection already done."""

import keras
import tensorflow as tf

from semreg_tf.models.cells import State


def unroll(cell: keras.layers.Layer, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
    """Runs `cell.step` over time with teacher forcing.

    Args:
      cell: a cell of `semreg_tf.models.cells`.
      projected: `cell.project_input` of all inputs, (rows, time, p).
      state: the first state, tensors of (rows, units).

    Returns:
      The outputs, (rows, time, units), and the last state.
    """
    by_time = tf.transpose(projected, (1, 0, 2))
    steps = tf.shape(by_time)[0]
    outputs = tf.TensorArray(
        by_time.dtype, steps, element_shape=(projected.shape[0], cell.state_sizes[0])
    )

    def body(
        t: tf.Tensor, outputs: tf.TensorArray, state: State
    ) -> tuple[tf.Tensor, tf.TensorArray, State]:
        output, state = cell.step(by_time[t], state)
        return t + 1, outputs.write(t, output), state

    _, outputs, state = tf.while_loop(
        lambda t, *_: t < steps, body, (0, outputs, tuple(state)), maximum_iterations=steps
    )
    return tf.transpose(outputs.stack(), (1, 0, 2)), state
