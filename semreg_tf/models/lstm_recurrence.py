"""The plain LSTM unrolled with its own gradient: one large product for the recurrent weights.

Automatic differentiation of the loop multiplies and adds a (units, 4 units) matrix at every step;
here the gates' gradients are stacked and multiplied once.
"""

from collections.abc import Callable

import tensorflow as tf

Activation = Callable[[tf.Tensor], tf.Tensor]


def unroll_lstm(
    projected: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    recurrent: tf.Tensor,
    activation: str,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs eq. (2) without the W_.c terms over time.

    Args:
      projected: W_.x x + b, gate order i, f, g, o, (time, rows, 4 * units).
      hidden: h before the first step, (rows, units).
      memory: c before the first step, (rows, units).
      recurrent: W_.h, (units, 4 * units).
      activation: "relu" or "tanh", of candidate and output.

    Returns:
      All outputs h, (time, rows, units), and the last h and c.
    """
    run = _RUNS[activation]
    outputs, last_memory = run(projected, hidden, memory, recurrent)
    return outputs, outputs[-1], last_memory


def _forward(
    projected: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    recurrent: tf.Tensor,
    activate: Activation,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns all h, all c and all activated gates, each with time first."""
    steps, dtype = tf.shape(projected)[0], projected.dtype
    units = recurrent.shape[0]
    shapes = ((projected.shape[1], units),) * 2 + ((projected.shape[1], 4 * units),)
    arrays = tuple(tf.TensorArray(dtype, steps, element_shape=s) for s in shapes)

    def body(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, arrays: tuple) -> tuple:
        i, f, g, o = tf.split(projected[t] + tf.linalg.matmul(h, recurrent), 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), activate(g), tf.sigmoid(o)
        c = f * c + i * g
        h = o * activate(c)
        made = (h, c, tf.concat([i, f, g, o], -1))
        return t + 1, h, c, tuple(a.write(t, x) for a, x in zip(arrays, made, strict=True))

    *_, arrays = tf.while_loop(
        lambda t, *_: t < steps, body, (0, hidden, memory, arrays), maximum_iterations=steps
    )
    return tuple(a.stack() for a in arrays)


def _backward(
    d_outputs: tf.Tensor,
    d_last_memory: tf.Tensor,
    before: tf.Tensor,
    memories: tf.Tensor,
    gates: tf.Tensor,
    recurrent: tf.Tensor,
    activate: Activation,
    slope: Activation,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the gradients of the projected gates, (time, rows, 4 units), of h0 and of c0.

    The recurrent weights are transposed once: with few rows, a float32 product that transposes
    its weights at every step takes four times as long on a CPU.

    `before` are the memories c_{t-1}; `slope` gives an activation's derivative from its value.
    """
    steps = tf.shape(gates)[0]
    array = tf.TensorArray(gates.dtype, steps, element_shape=gates.shape[1:])
    back = tf.transpose(recurrent)

    def body(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, array: tf.TensorArray) -> tuple:
        i, f, g, o = tf.split(gates[t], 4, axis=-1)
        squashed = activate(memories[t])
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
        dh = tf.linalg.matmul(dz, back)
        return t - 1, dh, dc * f, array.write(t, dz)

    _, dh, dc, array = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (steps - 1, tf.zeros_like(d_last_memory), d_last_memory, array),
        maximum_iterations=steps,
    )
    return array.stack(), dh, dc


def _differentiable(activate: Activation, slope: Activation) -> Callable:
    @tf.custom_gradient
    def run(
        projected: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, recurrent: tf.Tensor
    ) -> tuple:
        outputs, memories, gates = _forward(projected, hidden, memory, recurrent, activate)

        def gradient(d_outputs: tf.Tensor, d_memory: tf.Tensor) -> tuple:
            before = tf.concat([memory[None], memories[:-1]], 0)
            d_gates, d_hidden, d_first_memory = _backward(
                d_outputs, d_memory, before, memories, gates, recurrent, activate, slope
            )
            units = recurrent.shape[0]
            hiddens = tf.concat([hidden[None], outputs[:-1]], 0)
            d_recurrent = tf.linalg.matmul(
                tf.reshape(hiddens, (-1, units)),
                tf.reshape(d_gates, (-1, 4 * units)),
                transpose_a=True,
            )
            return d_gates, d_hidden, d_first_memory, d_recurrent

        return (outputs, memories[-1]), gradient

    return run


_RUNS = {
    "relu": _differentiable(tf.nn.relu, lambda y: tf.cast(y > 0, y.dtype)),
    "tanh": _differentiable(tf.tanh, lambda y: 1 - y * y),
}
