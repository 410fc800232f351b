"""Weights in half precision: halved on disk, whole in use, refused where they do not fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.exporting.stored_weights import StoredWeights


@pytest.fixture
def dense():
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    generator = np.random.default_rng(0)
    layer.set_weights([generator.normal(size=(5, 3)), generator.normal(size=3)])
    return layer


def variables(layer):
    return {f"dense/{i}": v for i, v in enumerate(layer.weights)}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_models_read_the_stored_weights(dense, dtype):
    stored = StoredWeights(variables(dense), dtype)
    assert [v.dtype.name for v in stored.stored] == [dtype, "float32"]
    kernel, bias = dense.get_weights()
    inputs = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)
    rounded = tf.cast(tf.cast(kernel, dtype), tf.float32).numpy()
    # What is in use is the copy, whatever becomes of the model.
    dense.set_weights([kernel * 0, bias * 0])

    @tf.function
    def call(x):
        with stored.in_use():
            return dense(x)

    np.testing.assert_allclose(call(tf.constant(inputs)), inputs @ rounded + bias, rtol=1e-5)
    assert call(tf.constant(inputs)).dtype == tf.float32
    np.testing.assert_array_equal(dense(inputs), np.zeros((2, 3)))


def test_half_the_size_is_written_and_nothing_twice(dense, tmp_path):
    layer = keras.layers.Dense(300)
    layer.build((None, 400))

    def size(dtype):
        module = tf.Module()
        module.weights = stored = StoredWeights(variables(layer), dtype)

        @tf.function(input_signature=[tf.TensorSpec((None, 400))])
        def call(x):
            with stored.in_use():
                return layer(x)

        module.call, module.again = call, tf.function(lambda x: call(x))
        folder = tmp_path / dtype
        tf.saved_model.save(module, str(folder), signatures=call.get_concrete_function())
        return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())

    whole, half = size("float32"), size("float16")
    assert whole - half == pytest.approx(2 * 400 * 300, abs=1000)
    assert half < 2 * 400 * 300 + 20_000


def test_states_of_random_numbers_are_left_out(dense):
    seeds = keras.random.SeedGenerator(0)
    stored = StoredWeights({**variables(dense), "seed": seeds.state})
    assert len(stored.stored) == 2


def test_what_does_not_fit_is_refused(dense):
    dense.set_weights([np.full((5, 3), 1e5), np.full(3, 1e5)])
    message = "`weights_dtype` must hold every weight, and 'dense/0' leaves its range"
    with pytest.raises(ValueError, match=message):
        StoredWeights(variables(dense), "float16")
    StoredWeights(variables(dense), "bfloat16")
    message = (
        "must be one of 'float32', 'bfloat16', 'float16', 'int8'. Received: weights_dtype='int4'"
    )
    with pytest.raises(ValueError, match=message):
        StoredWeights(variables(dense), "int4")


def test_a_matrix_in_eight_bits_is_off_by_half_a_step_of_its_column_at_most(dense):
    kernel, bias = dense.get_weights()
    kernel[:, 1] *= 1000
    kernel[:, 2] = 0
    dense.set_weights([kernel, bias])
    stored = StoredWeights(variables(dense), "int8")
    assert [v.dtype.name for v in stored.stored] == ["int8", "float32"]
    steps = np.abs(kernel).max(axis=0) / 127
    with stored.in_use():
        used = np.array(dense.kernel), np.array(dense.bias)
    assert (np.abs(used[0] - kernel) <= 0.5001 * steps).all()
    np.testing.assert_array_equal(used[0][:, 2], 0)
    np.testing.assert_array_equal(used[1], bias)
    # The column's largest weight is exact, so that storing what was stored changes nothing.
    np.testing.assert_allclose(np.abs(used[0]).max(axis=0), 127 * steps, rtol=1e-6)


def test_kernels_of_convolutions_are_float16_beside_matrices_in_eight_bits():
    layer = keras.layers.Conv2D(3, 2)
    layer.build((None, 4, 4, 5))
    stored = StoredWeights(variables(layer), "int8")
    assert [v.dtype.name for v in stored.stored] == ["float16", "float32"]
    assert not stored.scales


def test_the_digest_tells_steps_apart(dense):
    first = StoredWeights(variables(dense), "int8")
    second = StoredWeights(variables(dense), "int8")
    assert first.digest() == second.digest()
    second.scales["0"].assign(second.scales["0"] * 2)
    assert first.digest() != second.digest()
