"""The plain LSTM unrolled with its own gradient: one large product for the recurrent weights.

Automatic differentiation of the loop multiplies and adds a (units, 4 units) matrix at every step;
here the gates' gradients are stacked and multiplied once. In half precision the products alone are
computed in it: gates and memory are float32, more exact and on a CPU several times as fast.
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
    run, dtype = _RUNS[activation], recurrent.dtype
    outputs, last_memory = run(projected, hidden, tf.cast(memory, tf.float32), recurrent)
    return outputs, outputs[-1], tf.cast(last_memory, dtype)


def _forward(
    projected: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    recurrent: tf.Tensor,
    activate: Activation,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns all h, all c and all activated gates, each with time first; c and gates float32."""
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

    That of c0 is float32, the others have the weights' dtype.

    The recurrent weights are transposed once: with few rows, a float32 product that transposes
    its weights at every step takes four times as long on a CPU.

    `before` are the memories c_{t-1}; `slope` gives an activation's derivative from its value.
    """
    steps, dtype = tf.shape(gates)[0], recurrent.dtype
    array = tf.TensorArray(dtype, steps, element_shape=gates.shape[1:])
    back = tf.transpose(recurrent)
    d_outputs = tf.cast(d_outputs, tf.float32)

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
        dz = tf.cast(dz, dtype)
        dh = tf.cast(tf.linalg.matmul(dz, back), tf.float32)
        return t - 1, dh, dc * f, array.write(t, dz)

    _, dh, dc, array = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (steps - 1, tf.zeros_like(d_last_memory), d_last_memory, array),
        maximum_iterations=steps,
    )
    return array.stack(), tf.cast(dh, dtype), dc


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
