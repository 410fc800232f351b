"""The cells against NumPy written from eq. (2), with weights that differ per gate and unit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import DecoderConfig
from semreg_tf.models.cells import GRU, LSTM, AdditiveRNN, Cell, PeepholeLSTM, build_cell

UNITS, WIDTH, ROWS, TIME = 5, 3, 4, 6


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def randomise(layer, seed=0):
    rng = np.random.default_rng(seed)
    for variable in layer.variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))


def numpy_step(x, h, c, kernel, recurrent, bias, activation, memory_kernel=None):
    z = x @ kernel + h @ recurrent + bias
    if memory_kernel is not None:
        z = z + c @ memory_kernel
    i, f, g, o = np.split(z, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * activation(g)
    return sigmoid(o) * activation(c), c


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("kind", [LSTM, PeepholeLSTM])
def test_step_is_equation_2(kind, activation):
    cell = kind(UNITS, activation)
    cell.build((None, WIDTH))
    randomise(cell)
    rng = np.random.default_rng(1)
    x, h, c = (rng.normal(size=(ROWS, n)).astype("f") for n in (WIDTH, UNITS, UNITS))
    function = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[activation]
    memory = np.asarray(cell.memory_kernel) if kind is PeepholeLSTM else None
    weights = (cell.cell.kernel, cell.cell.recurrent_kernel, cell.cell.bias)
    want_h, want_c = numpy_step(x, h, c, *map(np.asarray, weights), function, memory)
    output, (got_h, got_c) = cell.step(cell.project_input(tf.constant(x)), (h, c))
    np.testing.assert_allclose(output, want_h, atol=1e-5)
    np.testing.assert_allclose(got_h, want_h, atol=1e-5)
    np.testing.assert_allclose(got_c, want_c, atol=1e-5)


def run(cell, inputs, state):
    """Unrolls inputs (rows, time, d)."""
    outputs, last = cell.unroll(cell.project_input(tf.transpose(inputs, (1, 0, 2))), state)
    return tf.transpose(outputs, (1, 0, 2)), last


def test_unroll_equals_keras_rnn_over_the_same_cell():
    cell = LSTM(512, "relu", initializer_range=0.08)
    cell.build((None, 16))
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(3, TIME, 16)).astype("f")
    state = tuple(rng.normal(size=(3, 512)).astype("f") for _ in range(2))
    rnn = keras.layers.RNN(cell.cell, return_sequences=True, return_state=True)
    want, want_h, want_c = rnn(tf.constant(inputs), initial_state=[tf.constant(s) for s in state])
    got, (got_h, got_c) = run(cell, tf.constant(inputs), state)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got_h, want_h, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got_c, want_c, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_unroll_has_the_gradients_of_keras_rnn(activation):
    cell = LSTM(8, activation)
    cell.build((None, 4))
    randomise(cell)
    inputs = tf.constant(np.random.default_rng(3).normal(size=(2, TIME, 4)).astype("f"))
    start = [tf.ones((2, 8)) * 0.3, tf.ones((2, 8)) * 0.1]
    variables = [v.value for v in cell.cell.trainable_variables]
    gradients = []
    for unrolled in (
        lambda s: keras.layers.RNN(cell.cell, return_sequences=True)(inputs, initial_state=s),
        lambda s: run(cell, inputs, s)[0],
    ):
        with tf.GradientTape() as tape:
            tape.watch(start)
            loss = tf.reduce_sum(tf.square(unrolled(start)))
        gradients.append(tape.gradient(loss, [*variables, *start]))
    for want, got in zip(*gradients, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_last_memory_carries_its_gradient():
    cell = LSTM(4, "tanh")
    cell.build((None, 3))
    inputs, start = tf.ones((2, TIME, 3)), tf.ones((2, 4)) * 0.2
    gradients = []
    for unroll in (cell.unroll, lambda p, s: Cell.unroll(cell, p, s)):
        with tf.GradientTape() as tape:
            tape.watch(start)
            projected = cell.project_input(tf.transpose(inputs, (1, 0, 2)))
            loss = tf.reduce_sum(unroll(projected, (start, start))[1][1] ** 2)
        gradients.append(tape.gradient(loss, start))
    np.testing.assert_allclose(*gradients, rtol=1e-5)


def test_peephole_unroll_is_its_steps():
    cell = PeepholeLSTM(UNITS)
    cell.build((None, WIDTH))
    randomise(cell)
    inputs = np.random.default_rng(5).normal(size=(ROWS, TIME, WIDTH)).astype("f")
    state = cell.zero_state(ROWS)
    outputs, _ = run(cell, tf.constant(inputs), state)
    for t in range(TIME):
        output, state = cell.step(cell.project_input(tf.constant(inputs[:, t])), state)
        np.testing.assert_allclose(outputs[:, t], output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_gru_step_is_cho_et_al(activation):
    """The reset gate acts on the state before the product; z keeps the old state."""
    cell = GRU(UNITS, activation)
    cell.build((None, WIDTH))
    randomise(cell)
    rng = np.random.default_rng(1)
    x, h = (rng.normal(size=(ROWS, n)).astype("f") for n in (WIDTH, UNITS))
    weights = (cell.cell.kernel, cell.cell.recurrent_kernel, cell.cell.bias)
    kernel, recurrent, bias = (np.split(np.asarray(w), 3, axis=-1) for w in weights)
    function = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[activation]
    z, r = (sigmoid(x @ kernel[i] + h @ recurrent[i] + bias[i]) for i in (0, 1))
    proposed = function(x @ kernel[2] + (r * h) @ recurrent[2] + bias[2])
    want = z * h + (1 - z) * proposed
    projected = cell.project_input(tf.constant(x))
    output, (state,) = cell.step(projected, (tf.constant(h),))
    np.testing.assert_allclose(output, want, atol=1e-5)
    np.testing.assert_allclose(state, want, atol=1e-5)
    gates = cell.gates(projected, (tf.constant(h),))
    np.testing.assert_allclose(gates["update"], z, atol=1e-5)
    np.testing.assert_allclose(gates["reset"], r, atol=1e-5)
    assert sum(np.size(v) for v in cell.trainable_variables) == 3 * UNITS * (WIDTH + UNITS + 1)


def test_gru_unrolls_as_keras_rnn_over_the_same_cell():
    cell = GRU(UNITS, "tanh")
    cell.build((None, WIDTH))
    randomise(cell)
    rng = np.random.default_rng(2)
    inputs = tf.constant(rng.normal(size=(ROWS, TIME, WIDTH)).astype("f"))
    start = tf.constant(rng.normal(size=(ROWS, UNITS)).astype("f"))
    want = keras.layers.RNN(cell.cell, return_sequences=True)(inputs, initial_state=[start])
    got, (last,) = run(cell, inputs, (start,))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, want[:, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_additive_cell_adds_the_word_to_the_mapped_state(activation):
    cell = AdditiveRNN(UNITS, activation)
    cell.build((None, UNITS))
    randomise(cell)
    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(ROWS, TIME, UNITS)).astype("f")
    r = rng.normal(size=(ROWS, UNITS)).astype("f")
    outputs, (last,) = run(cell, tf.constant(inputs), (tf.constant(r),))
    function = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[activation]
    for t in range(TIME):
        r = function(r @ np.asarray(cell.recurrent_kernel) + inputs[:, t])
        np.testing.assert_allclose(outputs[:, t], r, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, r, rtol=1e-4, atol=1e-5)
    assert cell.count_params() == UNITS * UNITS


def test_additive_cell_refuses_words_of_another_width():
    with pytest.raises(
        ValueError, match=r"`input_shape` must end in 5, the cell's units.*\(None, 3\)"
    ):
        AdditiveRNN(UNITS).build((None, WIDTH))
    with pytest.raises(ValueError, match=r"`cells` must be .* Received: cells=5, .* of 4$"):
        DecoderConfig(cell="additive_rnn", cells=5, word_embedding=5, second_embedding=4)


def test_forget_bias_is_one_and_parameters_are_the_formula():
    cell = LSTM(UNITS)
    cell.build((None, WIDTH))
    bias = np.split(np.asarray(cell.cell.bias), 4)
    np.testing.assert_array_equal(bias[1], 1)
    np.testing.assert_array_equal(np.concatenate([bias[0], bias[2], bias[3]]), 0)
    assert cell.count_params() == 4 * UNITS * (WIDTH + UNITS + 1)
    peephole = PeepholeLSTM(UNITS)
    peephole.build((None, WIDTH))
    assert peephole.count_params() == 4 * UNITS * (WIDTH + 2 * UNITS + 1)


def test_initialisation_is_im2txts_where_a_range_is_given():
    cell = build_cell(DecoderConfig(cells=64, initializer_range=0.08))
    cell.build((None, 32))
    for weights in (cell.cell.kernel, cell.cell.recurrent_kernel):
        values = np.abs(np.asarray(weights))
        assert 0.07 < values.max() <= 0.08
