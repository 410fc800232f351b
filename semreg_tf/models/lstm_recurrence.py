"""The plain LSTM unrolled with a custom gradient.

Automatic differentiation of the loop computes and adds a (units, 4 units) matrix product at every
step for the recurrent weights. Here the gates' gradients are stacked and multiplied once. In half
precision only the products are computed in it; gates and memory are float32, which is more exact
and on a CPU several times as fast.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Activation(NamedTuple):
    """An activation function; `slope` gives its derivative from its value."""

    function: Callable[[tf.Tensor], tf.Tensor]
    slope: Callable[[tf.Tensor], tf.Tensor]


class Sequence(NamedTuple):
    """The values of all steps of the recurrence.

    Attributes:
      outputs: h, (time, rows, units).
      memories: c, (time, rows, units) float32.
      gates: i, f, g and o after their activations, (time, rows, 4 * units) float32.
    """

    outputs: tf.Tensor
    memories: tf.Tensor
    gates: tf.Tensor


def unroll_lstm(
    projected: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    recurrent: tf.Tensor,
    activation: str,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs eq. (2) without the W_.c terms over time.

    Args:
      projected: W_.x x + b, (time, rows, 4 * units), in the gate order i, f, g, o.
      hidden: h before the first step, (rows, units).
      memory: c before the first step, (rows, units).
      recurrent: W_.h, (units, 4 * units).
      activation: activation of candidate and output, "relu" or "tanh".

    Returns:
      All outputs h, (time, rows, units), and the last h and c.
    """
    run, dtype = _RUNS[activation], recurrent.dtype
    outputs, last_memory = run(projected, hidden, tf.cast(memory, tf.float32), recurrent)
    return outputs, outputs[-1], tf.cast(last_memory, dtype)


def _forward(
    projected: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    recurrent: tf.Tensor,
    activate: Callable[[tf.Tensor], tf.Tensor],
) -> Sequence:
    steps, units = tf.shape(projected)[0], recurrent.shape[0]
    rows, dtype = projected.shape[1], recurrent.dtype
    kinds = (((rows, units), dtype), ((rows, units), tf.float32), ((rows, 4 * units), tf.float32))
    arrays = tuple(tf.TensorArray(d, steps, element_shape=s) for s, d in kinds)
    projected = tf.cast(projected, tf.float32)

    def body(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, arrays: tuple) -> tuple:
        product = tf.cast(tf.linalg.matmul(h, recurrent), tf.float32)
        i, f, g, o = tf.split(projected[t] + product, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), activate(g), tf.sigmoid(o)
        c = f * c + i * g
        h = tf.cast(o * activate(c), dtype)
        values = (h, c, tf.concat([i, f, g, o], -1))
        return t + 1, h, c, tuple(a.write(t, x) for a, x in zip(arrays, values, strict=True))

    *_, arrays = tf.while_loop(
        lambda t, *_: t < steps, body, (0, hidden, memory, arrays), maximum_iterations=steps
    )
    return Sequence(*(a.stack() for a in arrays))


def _backward(
    d_outputs: tf.Tensor,
    d_last_memory: tf.Tensor,
    first_memory: tf.Tensor,
    sequence: Sequence,
    recurrent: tf.Tensor,
    activation: Activation,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs back-propagation through time.

    Args:
      d_outputs: gradient of h, (time, rows, units).
      d_last_memory: gradient of the last c, (rows, units) float32.
      first_memory: c before the first step, (rows, units) float32.
      sequence: the values of the forward pass.
      recurrent: W_.h, (units, 4 * units).
      activation: the activation of candidate and output.

    Returns:
      The gradients of `projected`, (time, rows, 4 * units), of h0, both with the weights' dtype,
      and of c0, float32.
    """
    memories, gates, slope = sequence.memories, sequence.gates, activation.slope
    before = tf.concat([first_memory[None], memories[:-1]], 0)
    steps, dtype = tf.shape(gates)[0], recurrent.dtype
    array = tf.TensorArray(dtype, steps, element_shape=gates.shape[1:])
    # Transposed once: with few rows, a float32 product that transposes its weights at every step
    # takes four times as long on a CPU.
    transposed = tf.transpose(recurrent)
    d_outputs = tf.cast(d_outputs, tf.float32)

    def body(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, array: tf.TensorArray) -> tuple:
        i, f, g, o = tf.split(gates[t], 4, axis=-1)
        squashed = activation.function(memories[t])
        dh = dh + d_outputs[t]
        dc = dc + dh * o * slope(squashed)
        dz = tf.concat(
            [
                dc * g * i * (1 - i),
                dc * before[t] * f * (1 - f),
                dc * i * slope(g),
                dh * squashed * o * (1 - o),
            ],
            -1,
        )
        dz = tf.cast(dz, dtype)
        dh = tf.cast(tf.linalg.matmul(dz, transposed), tf.float32)
        return t - 1, dh, dc * f, array.write(t, dz)

    _, dh, dc, array = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (steps - 1, tf.zeros_like(d_last_memory), d_last_memory, array),
        maximum_iterations=steps,
    )
    return array.stack(), tf.cast(dh, dtype), dc


def _differentiable(activation: Activation) -> Callable:
    @tf.custom_gradient
    def run(
        projected: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, recurrent: tf.Tensor
    ) -> tuple:
        sequence = _forward(projected, hidden, memory, recurrent, activation.function)

        def gradient(d_outputs: tf.Tensor, d_memory: tf.Tensor) -> tuple:
            d_projected, d_hidden, d_first_memory = _backward(
                d_outputs, d_memory, memory, sequence, recurrent, activation
            )
            units = recurrent.shape[0]
            hiddens = tf.concat([hidden[None], sequence.outputs[:-1]], 0)
            d_recurrent = tf.linalg.matmul(
                tf.reshape(hiddens, (-1, units)),
                tf.reshape(d_projected, (-1, 4 * units)),
                transpose_a=True,
            )
            return d_projected, d_hidden, d_first_memory, d_recurrent

        return (sequence.outputs, sequence.memories[-1]), gradient

    return run


_RUNS = {
    "relu": _differentiable(Activation(tf.nn.relu, lambda y: tf.cast(y > 0, y.dtype))),
    "tanh": _differentiable(Activation(tf.tanh, lambda y: 1 - y * y)),
}
