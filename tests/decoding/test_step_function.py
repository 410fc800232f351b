"""What the searches check of a step function, and how they handle its structures."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.step_function import (
    any_batch,
    as_tensors,
    batch_size,
    call_step,
    check_integer,
    gather_rows,
)

TOKENS = tf.constant([2, 0])


def test_the_batch_is_read_off_the_state_or_the_context():
    assert batch_size({"h": tf.zeros([4, 2])}, ()) == 4
    assert batch_size((), [tf.zeros([3])]) == 3


def test_refuses_structures_without_a_batch():
    with pytest.raises(ValueError, match=r"at least one tensor.* Received: initial_state=\(\)"):
        batch_size((), ())
    with pytest.raises(ValueError, match=r"same first dimension.*\['\(4, 2\)', '\(3,\)'\]"):
        batch_size(tf.zeros([4, 2]), tf.zeros([3]))
    with pytest.raises(ValueError, match=r"same first dimension.*\['\(\)', '\(3,\)'\]"):
        batch_size(tf.constant(1.0), tf.zeros([3]))


def test_logits_become_float32_and_the_state_keeps_its_structure():
    new_state = {"h": tf.ones([2]), "c": (tf.zeros([2]),)}
    logits, state = call_step(
        lambda *_: (tf.zeros([2, 3], tf.bfloat16), new_state),
        TOKENS,
        {"h": tf.zeros([2]), "c": [tf.zeros([2])]},
        (),
        end_id=2,
    )
    assert logits.dtype == tf.float32
    assert isinstance(state["c"], list)
    np.testing.assert_array_equal(state["h"], [1.0, 1.0])


@pytest.mark.parametrize(
    ("logits", "state", "message"),
    [
        (np.zeros([2], np.float32), (), r"`step_fn` must return logits .*logits\.shape=\(2,\)"),
        (np.zeros([2, 3], np.float32), TOKENS, r"`step_fn` must return a state .*new_state="),
        (np.zeros([2, 2], np.float32), (), r"`end_id` .* vocab_size 2 .* Received: end_id=2"),
    ],
)
def test_refuses_what_breaks_the_contract(logits, state, message):
    with pytest.raises(ValueError, match=message):
        call_step(lambda *_: (logits, state), TOKENS, (), (), end_id=2)


def test_refuses_a_vocabulary_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def step(logits):
        return call_step(lambda *_: (logits, ()), TOKENS, (), (), end_id=2)[0]

    with pytest.raises(ValueError, match=r"last dimension is known .*shape=\(None, None\)"):
        step(tf.zeros([2, 3]))


def test_refuses_what_is_not_an_integer():
    check_integer("k", np.int64(3), 1)
    for value in (True, 1.0, "3", None):
        with pytest.raises(ValueError, match=r"`k` must be an integer .* Received: k="):
            check_integer("k", value, 0)


def test_structures_are_gathered_and_their_batch_left_open():
    structure = as_tensors({"a": np.arange(6.0).reshape(3, 2), "b": (np.arange(1, 4),)})
    taken = gather_rows(structure, tf.constant([[2, 0], [0, 0]]))
    np.testing.assert_array_equal(taken["a"], [[4, 5], [0, 1], [0, 1], [0, 1]])
    np.testing.assert_array_equal(taken["b"][0], [3, 1, 1, 1])
    shapes = any_batch(structure)
    assert shapes["a"].as_list() == [None, 2]
    assert shapes["b"][0].as_list() == [None]
