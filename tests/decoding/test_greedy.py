"""Greedy search against a plain Python loop over random tables."""

import math

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.greedy import GreedySearch

END, START = 0, 6
VOCAB_SIZE = 6
NODES = 31


def random_logits(images, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, [images, NODES, VOCAB_SIZE]).astype(np.float32)


def step(token_ids, state, context):
    node = (state * (VOCAB_SIZE + 2) + token_ids + 1) % NODES
    return tf.gather(context, node, batch_dims=1), node


def search(logits, **arguments):
    arguments = {"start_id": START, "end_id": END, "max_steps": 7} | arguments
    state = tf.zeros([tf.shape(logits)[0]], tf.int32)
    found = GreedySearch(**arguments)(step, state, tf.constant(logits))
    return type(found)(*(field.numpy() for field in found))


def plain_greedy(logits, max_steps, block_repeats):
    """Decode one image: (ids, log-probability, finished)."""
    node, last, ids, total = 0, START, [], 0.0
    for _ in range(max_steps):
        node = (node * (VOCAB_SIZE + 2) + last + 1) % NODES
        words = logits[node].astype(np.float64)
        words -= np.log(np.sum(np.exp(words)))
        allowed = words.copy()
        if block_repeats:
            allowed[ids] = -math.inf
        last = int(np.argmax(allowed))
        total += words[last]
        if last == END:
            return ids, total, True
        ids.append(last)
    return ids, total, False


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("block_repeats", [False, True])
def test_equals_a_plain_loop(block_repeats, jit_compile):
    logits = random_logits(30)
    found = search(logits, block_repeats=block_repeats, jit_compile=jit_compile)
    repeats = 0
    for image in range(30):
        ids, total, finished = plain_greedy(logits[image], 7, block_repeats)
        repeats += len(ids) > len(set(ids))
        assert found.token_ids[image].tolist() == ids + [-1] * (7 - len(ids))
        assert found.lengths[image] == len(ids)
        assert found.finished[image] == finished
        np.testing.assert_allclose(found.log_probabilities[image], total, rtol=1e-5)
    assert (repeats == 0) == block_repeats
    assert found.finished.any()
    assert block_repeats or not found.finished.all()


def test_blocking_repeats_never_masks_end():
    logits = np.full([1, NODES, VOCAB_SIZE], -5.0, np.float32)
    logits[:, :, 1:4] = [3.0, 2.0, 1.0]
    logits[:, :, END] = 0.0
    assert search(logits, block_repeats=True).token_ids[0].tolist() == [1, 2, 3, -1, -1, -1, -1]
    assert search(logits, block_repeats=True).finished[0]
    assert search(logits).token_ids[0].tolist() == [1] * 7


def test_every_image_gets_its_own_result_in_any_batch():
    logits = random_logits(5, seed=1)
    together = search(logits)
    for images in ([0], [4, 2], [1, 3]):
        apart = search(logits[images])
        np.testing.assert_array_equal(apart.token_ids, together.token_ids[images])
        np.testing.assert_allclose(
            apart.log_probabilities, together.log_probabilities[images], rtol=1e-5
        )


def test_ties_go_to_the_lower_id():
    logits = np.zeros([1, NODES, VOCAB_SIZE], np.float32)
    logits[:, :, END] = -1.0
    assert search(logits).token_ids[0].tolist() == [1] * 7


def test_stops_when_all_are_finished():
    calls = []

    def counting_step(token_ids, state, context):
        calls.append(token_ids.shape)
        return step(token_ids, state, context)

    logits = np.zeros([2, NODES, VOCAB_SIZE], np.float32)
    logits[:, :, END] = 9.0
    GreedySearch(start_id=START, end_id=END, max_steps=7)(
        counting_step, tf.zeros([2], tf.int32), tf.constant(logits)
    )
    assert calls == [(2,)]


def test_unknown_batch_size_and_an_empty_batch(tmp_path):
    class Tagger(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, NODES, VOCAB_SIZE])])
        def decode(self, logits):
            state = tf.zeros([tf.shape(logits)[0]], tf.int32)
            return GreedySearch(start_id=START, end_id=END, max_steps=7)(step, state, logits)

    logits = random_logits(4, seed=2)
    expected = search(logits)
    tagger = Tagger()
    np.testing.assert_array_equal(tagger.decode(logits).token_ids, expected.token_ids)
    assert tagger.decode(logits[:0]).token_ids.shape == (0, 7)
    assert tagger.decode.experimental_get_tracing_count() == 1
    tf.saved_model.save(tagger, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant(logits))
    np.testing.assert_array_equal(loaded[0], expected.token_ids)


def test_bfloat16_logits_are_summed_in_float32():
    logits = tf.cast(random_logits(4, seed=3), tf.bfloat16)
    expected = search(tf.cast(logits, tf.float32).numpy())
    found = GreedySearch(start_id=START, end_id=END, max_steps=7)(
        step, tf.zeros([4], tf.int32), logits
    )
    np.testing.assert_array_equal(found.token_ids, expected.token_ids)
    np.testing.assert_allclose(found.log_probabilities, expected.log_probabilities, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_steps": 0}, r"`max_steps` .* at least 1\. Received: max_steps=0"),
        ({"start_id": -1}, r"`start_id` .* at least 0\. Received: start_id=-1"),
        ({"end_id": -1}, r"`end_id` .* at least 0\. Received: end_id=-1"),
        ({"end_id": 6}, r"`end_id` must be one of the outputs.* Received: end_id=6"),
    ],
)
def test_refuses_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        search(random_logits(2), **arguments)
