"""Recurrent cells with a hoistable input projection.

A cell offers `project_input(x)`, which depends on no state and so runs over a whole sequence at
once, `step(projected, state)`, and `zero_state(rows)`.
"""

import keras
import tensorflow as tf

from semreg_tf.config import DecoderConfig
from semreg_tf.models.lstm_recurrence import unroll_lstm

State = tuple[tf.Tensor, ...]


def uniform_initializer(limit: float | None, default: str = "glorot_uniform") -> object:
    """Returns im2txt's uniform initialiser, or Keras's default where `limit` is None."""
    return default if limit is None else keras.initializers.RandomUniform(-limit, limit)


@keras.saving.register_keras_serializable("semreg_tf")
class LSTM(keras.layers.Layer):
    """TensorFlow's BasicLSTMCell (Sec. 4.2): no peepholes, forget bias 1, `activation` for both
    the candidate and the output.

    The weights are those of the `keras.layers.LSTMCell` it owns, gate order i, f, g, o.
    """

    def __init__(
        self,
        units: int,
        activation: str = "relu",
        initializer_range: float | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation_name = activation
        self.initializer_range = initializer_range
        self.activation = keras.activations.get(activation)
        recurrent = "orthogonal" if initializer_range is None else None
        self.cell = keras.layers.LSTMCell(
            units,
            activation=activation,
            kernel_initializer=uniform_initializer(initializer_range),
            recurrent_initializer=recurrent or uniform_initializer(initializer_range),
            unit_forget_bias=True,
            name="lstm_cell",
        )

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Widths of h and c."""
        return (self.units, self.units)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the LSTMCell's weights for inputs (..., d)."""
        self.cell.build((None, input_shape[-1]))
        self.built = True

    def zero_state(self, rows: tf.Tensor) -> State:
        """Returns h and c of zeros, each (rows, units)."""
        return tuple(tf.zeros((rows, size), self.compute_dtype) for size in self.state_sizes)

    def project_input(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns W_.x x + b for all four gates, (..., 4 * units)."""
        kernel = tf.cast(self.cell.kernel, self.compute_dtype)
        bias = tf.cast(self.cell.bias, self.compute_dtype)
        return (
            tf.linalg.matmul(inputs, kernel) + bias
            if inputs.shape.rank == 2
            else (tf.tensordot(inputs, kernel, 1) + bias)
        )

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """One step of eq. (2) without the W_.c terms.

        Args:
          projected: `project_input` of this step's inputs, (rows, 4 * units).
          state: h and c, each (rows, units).

        Returns:
          The output h, (rows, units), and the new state.
        """
        hidden, memory = state
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)
        i, f, g, o = tf.split(projected + tf.linalg.matmul(hidden, recurrent), 4, axis=-1)
        memory = tf.sigmoid(f) * memory + tf.sigmoid(i) * self.activation(g)
        hidden = tf.sigmoid(o) * self.activation(memory)
        return hidden, (hidden, memory)

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time, (time, rows, 4 * units) in, outputs (time, rows, units)."""
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)
        outputs, *last = unroll_lstm(projected, *state, recurrent, self.activation_name)
        return outputs, tuple(last)

    def call(self, inputs: tf.Tensor, states: State) -> tuple[tf.Tensor, State]:
        """Projects and steps, (rows, d) in, so that the layer also serves as an RNN cell."""
        return self.step(self.project_input(inputs), tuple(states))

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation_name,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable("semreg_tf")
class PeepholeLSTM(LSTM):
    """The cell as eq. (2) prints it: every gate also sees W_.c c_{t-1}, a full matrix.

    Parameters: 4 u (d + 2 u + 1), the plain cell's 4 u (d + u + 1) and four u x u more.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the plain cell's weights and the four W_.c, (units, 4 * units)."""
        super().build(input_shape)
        self.memory_kernel = self.add_weight(
            name="memory_kernel",
            shape=(self.units, 4 * self.units),
            initializer=uniform_initializer(self.initializer_range, "orthogonal"),
        )

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time, as `LSTM.unroll`."""
        return unroll_steps(self, projected, state)

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """One step of eq. (2), as `LSTM.step`."""
        memory_kernel = tf.cast(self.memory_kernel, self.compute_dtype)
        return super().step(projected + tf.linalg.matmul(state[1], memory_kernel), state)


@keras.saving.register_keras_serializable("semreg_tf")
class AdditiveRNN(keras.layers.Layer):
    """r_t = f(U r_{t-1} + w_t) (Mao et al. 2015): the word is added as it is, so it is as wide.

    Parameters: u u.
    """

    def __init__(
        self,
        units: int,
        activation: str = "relu",
        initializer_range: float | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation_name = activation
        self.initializer_range = initializer_range
        self.activation = keras.activations.get(activation)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width of r."""
        return (self.units,)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates U, (units, units).

        Raises:
          ValueError: the inputs are not as wide as the state.
        """
        if input_shape[-1] != self.units:
            raise ValueError(
                f"`input_shape` must end in the cell's {self.units} units, for the two are added. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, self.units),
            initializer=uniform_initializer(self.initializer_range, "orthogonal"),
        )
        self.built = True

    def zero_state(self, rows: tf.Tensor) -> State:
        """Returns r of zeros, (rows, units)."""
        return (tf.zeros((rows, self.units), self.compute_dtype),)

    def project_input(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs as they are."""
        return inputs

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """One step, as `LSTM.step`; the output is the new state."""
        recurrent = tf.cast(self.recurrent_kernel, self.compute_dtype)
        hidden = self.activation(tf.linalg.matmul(state[0], recurrent) + projected)
        return hidden, (hidden,)

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time, as `LSTM.unroll`."""
        return unroll_steps(self, projected, state)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation_name,
            "initializer_range": self.initializer_range,
        }


def unroll_steps(
    cell: keras.layers.Layer, projected: tf.Tensor, state: State
) -> tuple[tf.Tensor, State]:
    """Runs `cell.step` over time with automatic gradients, for cells without their own.

    Args:
      cell: a cell of this module.
      projected: `project_input` of all inputs, (time, rows, p).
      state: the first state, tensors of (rows, units).

    Returns:
      The outputs, (time, rows, units), and the last state.
    """
    steps = tf.shape(projected)[0]
    outputs = tf.TensorArray(
        projected.dtype, steps, element_shape=(projected.shape[1], cell.state_sizes[0])
    )

    def body(t: tf.Tensor, outputs: tf.TensorArray, state: State) -> tuple:
        output, state = cell.step(projected[t], state)
        return t + 1, outputs.write(t, output), state

    _, outputs, state = tf.while_loop(
        lambda t, *_: t < steps, body, (0, outputs, tuple(state)), maximum_iterations=steps
    )
    return outputs.stack(), state


CELLS = {"lstm": LSTM, "peephole_lstm": PeepholeLSTM, "additive_rnn": AdditiveRNN}


def build_cell(config: DecoderConfig) -> keras.layers.Layer:
    """Returns the cell that `config.cell` names."""
    return CELLS[config.cell](
        config.cells, config.activation, config.initializer_range, name=config.cell
    )
