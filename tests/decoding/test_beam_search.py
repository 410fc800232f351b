"""Beam search against enumeration, a plain Python beam and greedy search; batches and graphs."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg_tf.decoding.beam_search import BeamSearch
from semreg_tf.decoding.greedy import GreedySearch

END = 0
NODES = 97


class Tables:
    """Random models whose next token depends on the whole history: one table an image."""

    def __init__(self, images, vocab_size, seed=0, scale=2.0):
        rng = np.random.default_rng(seed)
        self.logits = rng.normal(0, scale, [images, NODES, vocab_size]).astype(np.float32)
        self.vocab_size = vocab_size

    def step(self, token_ids, state, context):
        node = (state["node"] * (self.vocab_size + 2) + token_ids + 1) % NODES
        return tf.gather(context, node, batch_dims=1), {"node": node}

    def search(self, images=slice(None), kind=BeamSearch, **arguments):
        logits = tf.constant(self.logits[images])
        state = {"node": tf.zeros([logits.shape[0]], tf.int32)}
        arguments = {"start_id": self.vocab_size, "end_id": END} | arguments
        return as_numpy(kind(**arguments)(self.step, state, logits))

    def log_probabilities(self, image, history):
        node = 0
        for token_id in (self.vocab_size, *history):
            node = (node * (self.vocab_size + 2) + token_id + 1) % NODES
        logits = self.logits[image, node].astype(np.float64)
        return logits - np.log(np.sum(np.exp(logits)))


def as_numpy(results):
    return type(results)(*(field.numpy() for field in results))


def sequences(results, image=0):
    """List the sequences of an image, without the padding."""
    return [
        tuple(ids[:length].tolist())
        for ids, length, score in zip(
            results.token_ids[image], results.lengths[image], results.scores[image], strict=True
        )
        if score > -math.inf
    ]


def plain_beam(log_probabilities, beam_width, max_steps, alpha, num_results):
    """Search one image without ever stopping early: [(score, log_probability, ids, finished)]."""
    live, completed = [(0.0, ())], []
    for step in range(max_steps):
        extended = []
        for total, history in live:
            words = log_probabilities(history)
            ranked = np.argsort(-words, kind="stable")
            if END in ranked[:beam_width]:
                ended = total + words[END]
                completed.append((ended / (step + 1) ** alpha, ended, history, True))
            extended += [(total + words[w], (*history, int(w))) for w in ranked if w != END]
        live = sorted(extended, key=lambda hypothesis: -hypothesis[0])[:beam_width]
    partial = [(total / max_steps**alpha, total, history, False) for total, history in live]
    return sorted(completed or partial, key=lambda result: -result[0])[:num_results]


def assert_equal_to_plain(results, image, expected):
    assert sequences(results, image) == [ids for _, _, ids, _ in expected]
    count = len(expected)
    np.testing.assert_allclose(
        results.scores[image, :count], [e[0] for e in expected], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        results.log_probabilities[image, :count], [e[1] for e in expected], rtol=1e-5, atol=1e-6
    )
    assert results.finished[image, :count].tolist() == [e[3] for e in expected]
    assert np.all(results.token_ids[image, count:] == -1)
    assert np.all(results.lengths[image, count:] == 0)
    assert np.all(results.scores[image, count:] == -math.inf)
    assert np.all(results.log_probabilities[image, count:] == -math.inf)
    assert not results.finished[image, count:].any()


def assert_same(left, right):
    for name in left._fields:
        actual, expected = getattr(left, name), getattr(right, name)
        if actual.dtype == np.float32:
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(actual, expected, err_msg=name)


def test_a_beam_of_everything_finds_the_exact_ranking():
    tables = Tables(images=3, vocab_size=4, seed=1)
    found = tables.search(beam_width=30, max_steps=4, num_results=40)
    for image in range(3):
        ranking = []
        for length in range(4):
            for ids in itertools.product([1, 2, 3], repeat=length):
                total = sum(
                    tables.log_probabilities(image, ids[:i])[token_id]
                    for i, token_id in enumerate((*ids, END))
                )
                ranking.append((total, total, ids, True))
        ranking.sort(key=lambda result: -result[0])
        assert len(ranking) == 40
        assert_equal_to_plain(found, image, ranking)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    vocab_size=st.integers(2, 9),
    beam_width=st.integers(1, 4),
    max_steps=st.integers(1, 6),
    alpha=st.sampled_from([0.0, 0.6, 1.0, 2.5]),
    num_results=st.integers(1, 6),
    drop_finished=st.booleans(),
)
def test_equals_a_plain_beam_that_never_stops_early(
    seed, vocab_size, beam_width, max_steps, alpha, num_results, drop_finished
):
    tables = Tables(images=4, vocab_size=vocab_size, seed=seed)
    found = tables.search(
        beam_width=beam_width,
        max_steps=max_steps,
        length_normalisation=alpha,
        num_results=num_results,
        drop_finished=drop_finished,
    )
    for image in range(4):
        expected = plain_beam(
            lambda history, image=image: tables.log_probabilities(image, history),
            beam_width,
            max_steps,
            alpha,
            num_results,
        )
        assert_equal_to_plain(found, image, expected)


@pytest.mark.parametrize("num_results", [1, 3])
def test_width_one_is_greedy_search(num_results):
    tables = Tables(images=40, vocab_size=5, seed=2)
    found = tables.search(beam_width=1, max_steps=6, num_results=num_results)
    greedy = tables.search(kind=GreedySearch, max_steps=6)
    assert 0 < greedy.finished.sum() < 40
    np.testing.assert_array_equal(found.token_ids[:, 0], greedy.token_ids)
    np.testing.assert_array_equal(found.lengths[:, 0], greedy.lengths)
    np.testing.assert_array_equal(found.finished[:, 0], greedy.finished)
    np.testing.assert_allclose(
        found.log_probabilities[:, 0], greedy.log_probabilities, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("drop_finished", [False, True])
def test_every_image_gets_its_own_result_in_any_batch(drop_finished):
    tables = Tables(images=7, vocab_size=6, seed=3)
    together = tables.search(max_steps=8, drop_finished=drop_finished)
    assert len(set(together.lengths[:, 0].tolist())) > 2
    for images in ([0], [6], [1, 2], [5, 3, 4, 0]):
        apart = tables.search(images, max_steps=8, drop_finished=drop_finished)
        assert_same(apart, type(together)(*(field[images] for field in together)))


@pytest.mark.parametrize("drop_finished", [False, True])
def test_finished_images_stay_as_they_are_while_others_run(drop_finished):
    tables = Tables(images=2, vocab_size=5, seed=4)
    tables.logits[0, :, END] = 9.0
    tables.logits[1, :, END] = -9.0
    found = tables.search(max_steps=12, drop_finished=drop_finished)
    assert sequences(found, 0)[0] == ()
    alone = tables.search([0], max_steps=12)
    assert_same(type(found)(*(field[:1] for field in found)), alone)


def test_a_shorter_list_begins_the_longer_one():
    tables = Tables(images=6, vocab_size=6, seed=5)
    longest = tables.search(max_steps=8, num_results=10)
    for num_results in (1, 2, 3):
        shorter = tables.search(max_steps=8, num_results=num_results)
        assert_same(shorter, type(longest)(*(field[:, :num_results] for field in longest)))


@pytest.mark.parametrize("max_steps", [1, 7])
def test_xla_gives_the_same(max_steps):
    tables = Tables(images=5, vocab_size=6, seed=6)
    for arguments in ({}, {"beam_width": 4, "length_normalisation": 0.7, "num_results": 5}):
        plain = tables.search(max_steps=max_steps, **arguments)
        assert_same(tables.search(max_steps=max_steps, jit_compile=True, **arguments), plain)


@pytest.mark.parametrize("arguments", [{}, {"length_normalisation": 0.7, "num_results": 5}])
def test_dropping_finished_images_gives_the_same(arguments):
    tables = Tables(images=30, vocab_size=6, seed=7)
    plain = tables.search(max_steps=9, **arguments)
    assert_same(tables.search(max_steps=9, drop_finished=True, **arguments), plain)


def test_dropping_finished_images_takes_them_out_of_the_steps():
    tables = Tables(images=8, vocab_size=6, seed=7)
    rows = []

    def step(token_ids, state, context):
        rows.append(token_ids.shape[0])
        return Tables.step(tables, token_ids, state, context)

    state = {"node": tf.zeros([8], tf.int32)}
    BeamSearch(start_id=6, end_id=END, drop_finished=True)(step, state, tf.constant(tables.logits))
    assert rows[:2] == [8, 24]
    assert rows == [8, *sorted(rows[1:], reverse=True)]
    assert rows[-1] < 24


@pytest.mark.parametrize("drop_finished", [False, True])
def test_unknown_batch_size_and_an_empty_batch(drop_finished):
    tables = Tables(images=4, vocab_size=5, seed=8)

    @tf.function(input_signature=[tf.TensorSpec([None, NODES, 5])])
    def decode(logits):
        state = {"node": tf.zeros([tf.shape(logits)[0]], tf.int32)}
        return BeamSearch(start_id=5, end_id=END, drop_finished=drop_finished)(
            tables.step, state, logits
        )

    eager = tables.search(drop_finished=drop_finished)
    assert_same(as_numpy(decode(tables.logits)), eager)
    assert as_numpy(decode(tables.logits[:1])).token_ids.shape == (1, 3, 19)
    assert as_numpy(decode(tables.logits[:0])).token_ids.shape == (0, 3, 19)
    assert decode.experimental_get_tracing_count() == 1
    assert decode(tables.logits).token_ids.shape.as_list() == [4, 3, 19]


def test_an_empty_batch_under_xla():
    tables = Tables(images=1, vocab_size=5)
    assert tables.search([], jit_compile=True).token_ids.shape == (0, 3, 19)


def test_saved_model_gives_the_same(tmp_path):
    tables = Tables(images=4, vocab_size=5, seed=9)

    class Captioner(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, NODES, 5])])
        def decode(self, logits):
            state = {"node": tf.zeros([tf.shape(logits)[0]], tf.int32)}
            found = BeamSearch(start_id=5, end_id=END, drop_finished=True)(
                tables.step, state, logits
            )
            return found._asdict()

    tf.saved_model.save(Captioner(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant(tables.logits))
    for name, field in tables.search()._asdict().items():
        np.testing.assert_allclose(loaded[name], field, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_bfloat16_logits_are_summed_in_float32(jit_compile):
    tables = Tables(images=5, vocab_size=1500, seed=10)
    rounded = tf.cast(tables.logits, tf.bfloat16)
    tables.logits = tf.cast(rounded, tf.float32).numpy()

    def step(token_ids, state, context):
        logits, state = tables.step(token_ids, state, context)
        return tf.cast(logits, tf.bfloat16), state

    state = {"node": tf.zeros([5], tf.int32)}
    found = as_numpy(
        BeamSearch(start_id=1500, end_id=END, max_steps=5, jit_compile=jit_compile)(
            step, state, rounded
        )
    )
    assert found.scores.dtype == np.float32
    assert_same(found, tables.search(max_steps=5))


def test_the_state_may_come_back_as_a_list():
    tables = Tables(images=4, vocab_size=5, seed=11)

    def step_fn(token_ids, state, context):
        logits, new_state = tables.step(token_ids, {"node": state[0]}, context)
        return logits, [new_state["node"], state[1]]

    state = (tf.zeros([4], tf.int32), tf.zeros([4, 3], tf.bfloat16))
    found = BeamSearch(start_id=5, end_id=END)(step_fn, state, tf.constant(tables.logits))
    assert_same(as_numpy(found), tables.search())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam_width": 0}, r"`beam_width` .* at least 1\. Received: beam_width=0"),
        ({"beam_width": 2.0}, r"`beam_width` must be an integer .* Received: beam_width=2\.0"),
        ({"max_steps": 0}, r"`max_steps` .* at least 1\. Received: max_steps=0"),
        ({"num_results": 0}, r"`num_results` .* at least 1\. Received: num_results=0"),
        ({"start_id": -1}, r"`start_id` .* at least 0\. Received: start_id=-1"),
        ({"end_id": True}, r"`end_id` must be an integer .* Received: end_id=True"),
        ({"end_id": 4}, r"`end_id` must be one of the outputs.* 4 .*Received: end_id=4"),
        ({"length_normalisation": -0.5}, r"`length_normalisation` .* Received: .*=-0\.5"),
        ({"length_normalisation": math.nan}, r"`length_normalisation` .* Received: .*=nan"),
        (
            {"drop_finished": True, "jit_compile": True},
            r"`drop_finished` .* Received: drop_finished=True, jit_compile=True",
        ),
    ],
)
def test_refuses_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Tables(images=1, vocab_size=4).search(**arguments)
