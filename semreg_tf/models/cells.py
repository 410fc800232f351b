"""Recurrent cells whose input projection is separate from the step.

`Cell.project_input(x)` does not depend on the state, so it runs over a whole sequence at once;
`Cell.step(projected, state)` advances the state by one word.
"""

from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf

from semreg_tf.config import DecoderConfig
from semreg_tf.models.dense import uniform_initializer
from semreg_tf.models.lstm_recurrence import unroll_lstm

State = tuple[tf.Tensor, ...]


class Cell(keras.layers.Layer):
    """Base class of the cells; subclasses define `step`, and create weights in `build`.

    Args:
      units: width of the output, which is also the first state.
      activation: "relu" or "tanh".
      initializer_range: im2txt's uniform range, or None for Keras's defaults.
    """

    # Names of the gates that `gates` returns.
    gate_names: tuple[str, ...] = ()
    # True where the inputs are added to the state, so that both must have the same width.
    input_is_added = False

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

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation_name,
            "initializer_range": self.initializer_range,
        }

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Widths of the states; the first one is the output's."""
        return (self.units,)

    def zero_state(self, rows: tf.Tensor) -> State:
        """Returns zero states, each (rows, width of the state)."""
        return tuple(tf.zeros((rows, size), self.compute_dtype) for size in self.state_sizes)

    def project_input(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the part of a step that does not depend on the state, (..., p), of (..., d)."""
        return inputs

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Advances the state by one word.

        Args:
          projected: `project_input` of this step's inputs, (rows, p).
          state: the states, each (rows, width of the state).

        Returns:
          The output, (rows, units), and the new state.

        Raises:
          TypeError: the subclass does not define `step`.
        """
        raise TypeError(f"`{type(self).__name__}` must define `step`.")

    def gates(self, projected: tf.Tensor, state: State) -> dict[str, tf.Tensor]:
        """Returns the gates of `step` for the same arguments, by `gate_names`, (rows, units)."""
        return {}

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time: inputs (time, rows, p), outputs (time, rows, units)."""
        return unroll_steps(lambda t, state: self.step(projected[t], state), projected, state)

    def call(self, inputs: tf.Tensor, states: State) -> tuple[tf.Tensor, State]:
        """Projects inputs (rows, d) and steps, so that `keras.layers.RNN` can use the cell."""
        return self.step(self.project_input(inputs), tuple(states))


class KerasCell(Cell):
    """A cell whose weights are those of a Keras cell, `cell`."""

    keras_cell: type[keras.layers.Layer]
    keras_options: ClassVar[dict[str, object]]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.cell = self.keras_cell(
            self.units,
            activation=self.activation_name,
            kernel_initializer=uniform_initializer(self.initializer_range),
            recurrent_initializer=uniform_initializer(self.initializer_range, "orthogonal"),
            **self.keras_options,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the Keras cell's weights for inputs (..., d)."""
        self.cell.build((None, input_shape[-1]))
        self.built = True

    def project_input(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns W_. x + b for all gates, (..., gates * units)."""
        kernel = tf.cast(self.cell.kernel, self.compute_dtype)
        bias = tf.cast(self.cell.bias, self.compute_dtype)
        if inputs.shape.rank == 2:
            return tf.linalg.matmul(inputs, kernel) + bias
        return tf.tensordot(inputs, kernel, 1) + bias


@keras.saving.register_keras_serializable("semreg_tf")
class LSTM(KerasCell):
    """The LSTM of TensorFlow's BasicLSTMCell (Sec. 4.2).

    It has no peepholes and a forget bias of 1; `activation` applies to candidate and output. The
    weights are those of its `keras.layers.LSTMCell`, in the gate order i, f, g, o.
    """

    gate_names = ("input", "forget", "output")
    keras_cell = keras.layers.LSTMCell
    keras_options: ClassVar = {"name": "lstm_cell", "unit_forget_bias": True}

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Widths of h and c."""
        return (self.units, self.units)

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs one step of eq. (2) without the W_.c terms, as `Cell.step`; the state is h and c."""
        i, f, g, o = self.before_activation(projected, state)
        memory = tf.sigmoid(f) * state[1] + tf.sigmoid(i) * self.activation(g)
        hidden = tf.sigmoid(o) * self.activation(memory)
        return hidden, (hidden, memory)

    def gates(self, projected: tf.Tensor, state: State) -> dict[str, tf.Tensor]:
        """Returns i, f and o by name, (rows, units), between 0 and 1."""
        i, f, _, o = self.before_activation(projected, state)
        return {"input": tf.sigmoid(i), "forget": tf.sigmoid(f), "output": tf.sigmoid(o)}

    def before_activation(self, projected: tf.Tensor, state: State) -> list[tf.Tensor]:
        """Returns i, f, g and o of eq. (2) before their activations, each (rows, units)."""
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)
        return tf.split(projected + tf.linalg.matmul(state[0], recurrent), 4, axis=-1)

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time: inputs (time, rows, 4 * units), outputs (time, rows, units)."""
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)
        outputs, *last = unroll_lstm(projected, *state, recurrent, self.activation_name)
        return outputs, tuple(last)


@keras.saving.register_keras_serializable("semreg_tf")
class PeepholeLSTM(LSTM):
    """The cell as printed in eq. (2): every gate also reads W_.c c_{t-1}, with full matrices W_.c.

    Parameters: 4 u (d + 2 u + 1), which is the plain cell's 4 u (d + u + 1) and four u x u more.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the plain cell's weights and the four W_.c, (units, 4 * units)."""
        super().build(input_shape)
        self.memory_kernel = self.add_weight(
            name="memory_kernel",
            shape=(self.units, 4 * self.units),
            initializer=uniform_initializer(self.initializer_range, "orthogonal"),
        )

    def before_activation(self, projected: tf.Tensor, state: State) -> list[tf.Tensor]:
        """Returns i, f, g and o of eq. (2) before their activations, each (rows, units)."""
        memory_kernel = tf.cast(self.memory_kernel, self.compute_dtype)
        projected = projected + tf.linalg.matmul(state[1], memory_kernel)
        return super().before_activation(projected, state)

    def unroll(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs `step` over time as `Cell.unroll`; the gradient in `unroll_lstm` has no W_.c."""
        return Cell.unroll(self, projected, state)


@keras.saving.register_keras_serializable("semreg_tf")
class GRU(KerasCell):
    """The gated recurrent unit of Cho et al. (2014), with the reset gate before the product.

    z = s(Wz x + Uz h + bz), r = s(Wr x + Ur h + br), h~ = f(W x + U (r * h) + b), and the new state
    is z h + (1 - z) h~. The weights are those of its `keras.layers.GRUCell`, in the gate order z,
    r, h~.

    Parameters: 3 u (d + u + 1).
    """

    gate_names = ("update", "reset")
    keras_cell = keras.layers.GRUCell
    keras_options: ClassVar = {"name": "gru_cell", "reset_after": False}

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs one step, as `Cell.step`; the output is the new state."""
        (hidden,) = state
        update, reset = self._gates(projected, hidden)
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)[:, 2 * self.units :]
        proposed = projected[:, 2 * self.units :] + tf.linalg.matmul(reset * hidden, recurrent)
        hidden = update * hidden + (1 - update) * self.activation(proposed)
        return hidden, (hidden,)

    def gates(self, projected: tf.Tensor, state: State) -> dict[str, tf.Tensor]:
        """Returns z and r by name, (rows, units), between 0 and 1."""
        return dict(zip(self.gate_names, self._gates(projected, state[0]), strict=True))

    def _gates(self, projected: tf.Tensor, hidden: tf.Tensor) -> list[tf.Tensor]:
        width = 2 * self.units
        recurrent = tf.cast(self.cell.recurrent_kernel, self.compute_dtype)[:, :width]
        both = projected[:, :width] + tf.linalg.matmul(hidden, recurrent)
        return tf.split(tf.sigmoid(both), 2, axis=-1)


@keras.saving.register_keras_serializable("semreg_tf")
class AdditiveRNN(Cell):
    """r_t = f(U r_{t-1} + w_t) (Mao et al. 2015).

    The word embedding is added without a projection, so it must be as wide as the state.

    Parameters: u u.
    """

    input_is_added = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates U, (units, units).

        Raises:
          ValueError: the inputs are not as wide as the state.
        """
        if input_shape[-1] != self.units:
            raise ValueError(
                f"`input_shape` must end in {self.units}, the cell's units, as both are added. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, self.units),
            initializer=uniform_initializer(self.initializer_range, "orthogonal"),
        )
        self.built = True

    def step(self, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Runs one step, as `Cell.step`; the output is the new state."""
        recurrent = tf.cast(self.recurrent_kernel, self.compute_dtype)
        hidden = self.activation(tf.linalg.matmul(state[0], recurrent) + projected)
        return hidden, (hidden,)


def unroll_steps(
    step: Callable[[tf.Tensor, State], tuple[tf.Tensor, State]],
    inputs: tf.Tensor,
    state: State,
) -> tuple[tf.Tensor, State]:
    """Runs a step function over time with automatic gradients.

    Args:
      step: (time index, a scalar int32; state) -> output (rows, units) and new state.
      inputs: (time, rows, ...), which gives the numbers of steps and of rows.
      state: the first state; its first tensor is as wide as the output.

    Returns:
      The outputs, (time, rows, units), and the last state.
    """
    steps = tf.shape(inputs)[0]
    outputs = tf.TensorArray(
        state[0].dtype, steps, element_shape=(inputs.shape[1], state[0].shape[-1])
    )

    def body(t: tf.Tensor, outputs: tf.TensorArray, state: State) -> tuple:
        output, state = step(t, state)
        return t + 1, outputs.write(t, output), state

    _, outputs, state = tf.while_loop(
        lambda t, *_: t < steps, body, (0, outputs, tuple(state)), maximum_iterations=steps
    )
    return outputs.stack(), state


CELLS = {"lstm": LSTM, "peephole_lstm": PeepholeLSTM, "gru": GRU, "additive_rnn": AdditiveRNN}


def build_cell(config: DecoderConfig) -> Cell:
    """Returns the cell that `config.cell` names."""
    return CELLS[config.cell](
        config.cells, config.activation, config.initializer_range, name=config.cell
    )
