"""The rules of the beam, by hand: what is completed, what lives on, when it is enough."""

import math

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.beam_expansion import BeamExpansion, BeamRules, Completed, Live
from semreg_tf.decoding.beam_search import BeamSearch

END, A, B, C = 0, 1, 2, 3


def expansion(logits, **fields):
    fields = {
        "start_id": 9,
        "end_id": END,
        "beam_width": 2,
        "max_steps": 4,
        "length_normalisation": 0.0,
        "num_results": 2,
    } | fields

    def step(token_ids, state, context):
        return tf.constant(logits, tf.float32), state

    return BeamExpansion(step, BeamRules(**fields))


def test_one_step_from_two_hypotheses():
    probabilities = np.array([[0.4, 0.5, 0.1], [0.7, 0.1, 0.2]])
    rules = expansion(np.log(probabilities) + 3.0)
    live = Live(
        token_ids=tf.constant([[[1, -1, -1, -1], [2, -1, -1, -1]]]),
        last_ids=tf.constant([[1, 2]]),
        log_probabilities=tf.math.log([[0.6, 0.3]]),
    )
    _, completed = rules.start(tf.constant(1))
    live, completed, rows, _ = rules.expand(tf.constant(1), live, completed, (), ())
    assert live.token_ids.numpy().tolist() == [[[1, 1, -1, -1], [1, 2, -1, -1]]]
    assert live.last_ids.numpy().tolist() == [[1, 2]]
    assert rows.numpy().tolist() == [[0, 0]]
    np.testing.assert_allclose(np.exp(live.log_probabilities), [[0.3, 0.06]], rtol=1e-5)
    np.testing.assert_allclose(np.exp(completed.scores), [[0.24, 0.21]], rtol=1e-5)
    assert completed.token_ids[0, :, 0].numpy().tolist() == [1, 2]
    assert completed.lengths.numpy().tolist() == [[1, 1]]


def test_log_probabilities_never_rise():
    logits = np.random.default_rng(0).normal(0, 1e-3, [200, 3])
    logits += [60.0, 20.0, 45.0]
    rules = expansion(logits, beam_width=1)
    live, completed = rules.start(tf.constant(200))
    _, completed, _, _ = rules.expand(tf.constant(0), live, completed, (), ())
    assert np.all(completed.log_probabilities[:, 0] <= 0.0)


@pytest.mark.parametrize(
    ("alpha", "live_score", "worst", "expected"),
    [
        (0.0, -1.0, -1.0, False),
        (0.0, -1.0, -1.1, True),
        (1.0, -1.0, -0.2, False),
        (1.0, -1.0, -0.26, True),
        (1.0, -math.inf, -math.inf, False),
        (0.0, -9.0, -math.inf, True),
    ],
)
def test_the_bound_is_what_a_live_hypothesis_can_become(alpha, live_score, worst, expected):
    rules = expansion([[0.0]], length_normalisation=alpha)
    ids = tf.zeros([1, 2, 4], tf.int32)
    live = Live(ids, ids[:, :, 0], tf.constant([[live_score, live_score]]))
    scores = tf.constant([[0.0, worst]])
    completed = Completed(ids, ids[:, :, 0], scores, scores)
    assert rules.can_improve(live, completed).numpy().tolist() == [expected]


def chain(table, vocab_size=4):
    """Build a step function from `{last token: probabilities}`; START is vocab_size."""
    probabilities = np.full([vocab_size + 1, vocab_size], 1.0 / vocab_size)
    for token_id, row in table.items():
        probabilities[token_id] = row
    with np.errstate(divide="ignore"):
        logits = tf.constant(np.log(probabilities), tf.float32)

    def step_fn(token_ids, state, context):
        step_fn.calls.append(token_ids.shape[0])
        return tf.gather(logits, token_ids), state

    step_fn.calls = []
    return step_fn


def search_chain(step_fn, vocab_size=4, images=1, **arguments):
    arguments = {"start_id": vocab_size, "end_id": END} | arguments
    found = BeamSearch(**arguments)(step_fn, (), tf.zeros([images]))
    return type(found)(*(field.numpy() for field in found))


def sequences(found):
    """List the sequences of the last image, without the padding."""
    pairs = zip(found.token_ids[-1], found.lengths[-1], strict=True)
    return [
        tuple(ids[:length].tolist())
        for (ids, length), score in zip(pairs, found.scores[-1], strict=True)
        if score > -math.inf
    ]


def assert_found(found, expected, finished=True):
    """Hold the last image to `[(probability, ids)]` and padding after it."""
    count = len(expected)
    assert sequences(found) == [ids for _, ids in expected]
    np.testing.assert_allclose(
        np.exp(found.log_probabilities[-1]),
        [p for p, _ in expected] + [0.0] * (found.scores.shape[1] - count),
        rtol=1e-6,
    )
    assert np.all(found.finished[-1, :count] == finished)
    assert not found.finished[-1, count:].any()
    assert np.all(found.token_ids[-1, count:] == -1)
    assert np.all(found.lengths[-1, count:] == 0)


WIDTHS_DIFFER = {
    4: [0.0, 0.40, 0.35, 0.25],
    A: [0.4, 0.2, 0.2, 0.2],
    B: [0.5, 0.2, 0.2, 0.1],
    C: [0.9, 0.1, 0.0, 0.0],
}


@pytest.mark.parametrize(
    ("beam_width", "winner", "probability"),
    [(1, A, 0.4 * 0.4), (2, B, 0.35 * 0.5), (3, C, 0.25 * 0.9)],
)
def test_widths_with_different_winners(beam_width, winner, probability):
    found = search_chain(chain(WIDTHS_DIFFER), beam_width=beam_width)
    assert sequences(found)[0] == (winner,)
    np.testing.assert_allclose(found.scores[0, 0], math.log(probability), rtol=1e-6)
    assert found.finished[0, 0]


def test_end_counts_only_among_the_best_tokens_of_its_hypothesis():
    step_fn = chain({4: [0.3, 0.4, 0.2, 0.1], A: [0.5, 0.5, 0.0, 0.0]})
    assert sequences(search_chain(step_fn, beam_width=1, max_steps=2)) == [(A,)]
    assert sequences(search_chain(step_fn, beam_width=2, max_steps=2)) == [(), (A,)]


def test_completed_hypotheses_leave_their_places_to_live_ones():
    step_fn = chain(
        {
            4: [0.30, 0.30, 0.20, 0.20],
            A: [0.10, 0.30, 0.30, 0.30],
            B: [0.10, 0.30, 0.30, 0.30],
            C: [1.0, 0.0, 0.0, 0.0],
        }
    )
    # With END in the first three and only two live ones, (C,) would never be expanded.
    assert sequences(search_chain(step_fn, beam_width=3))[:2] == [(), (C,)]


@pytest.mark.parametrize("drop_finished", [False, True])
def test_nothing_finished_at_the_limit_gives_the_live_hypotheses(drop_finished):
    others = [0.0, 0.4, 0.3, 0.3]
    step_fn = chain({4: [0.0, 0.5, 0.3, 0.2], A: [0.0, 0.6, 0.3, 0.1], B: others, C: others})
    found = search_chain(step_fn, max_steps=2, num_results=5, drop_finished=drop_finished, images=2)
    assert_found(found, [(0.3, (A, A)), (0.15, (A, B)), (0.12, (B, A))], finished=False)


def test_live_hypotheses_never_stand_beside_completed_ones():
    step_fn = chain({4: [0.1, 0.8, 0.1, 0.0], A: [0.0, 1.0, 0.0, 0.0], B: [0.0, 1.0, 0.0, 0.0]})
    found = search_chain(step_fn, max_steps=5)
    assert_found(found, [(0.1, ())])


def test_ties_go_to_the_lower_id_and_the_better_parent():
    uniform = {token_id: [0.0, 1 / 3, 1 / 3, 1 / 3] for token_id in (4, A, B, C)}
    found = search_chain(chain(uniform), max_steps=2, beam_width=2)
    assert sequences(found) == [(A, A), (A, B)]


def test_ties_go_to_the_hypothesis_completed_earlier():
    step_fn = chain({4: [0.5, 0.5, 0.0, 0.0], A: [1.0, 0.0, 0.0, 0.0]})
    assert sequences(search_chain(step_fn, beam_width=2)) == [(), (A,)]


LONGER_IS_BETTER = {
    4: [0.5, 0.5, 0.0, 0.0],
    A: [0.0, 0.0, 0.8, 0.2],
    B: [0.8, 0.0, 0.0, 0.2],
    C: [0.1, 0.3, 0.3, 0.3],
}


@pytest.mark.parametrize(
    ("alpha", "winner", "score"),
    [
        (0.0, (), math.log(0.5)),
        (1.0, (A, B), math.log(0.5 * 0.8 * 0.8) / 3),
        (0.5, (A, B), math.log(0.5 * 0.8 * 0.8) / math.sqrt(3)),
    ],
)
def test_length_normalisation_counts_end_and_adjusts_the_bound(alpha, winner, score):
    # After one step the live log(0.5) does not exceed the completed one: a bound without
    # the adjustment would stop there.
    found = search_chain(
        chain(LONGER_IS_BETTER), beam_width=2, num_results=1, length_normalisation=alpha
    )
    assert sequences(found) == [winner]
    np.testing.assert_allclose(found.scores[0, 0], score, rtol=1e-6)


def test_stops_when_nothing_live_can_beat_the_worst_kept():
    table = {4: [0.9, 0.1, 0.0, 0.0], A: [0.9, 0.1, 0.0, 0.0]}
    for num_results, steps in ((1, 1), (2, 2), (3, 3)):
        step_fn = chain(table)
        search_chain(step_fn, num_results=num_results, images=2)
        assert step_fn.calls == [2, 6, 6][:steps]


def test_a_vocabulary_smaller_than_the_beam():
    only_end = search_chain(chain({}, vocab_size=1), vocab_size=1, num_results=2)
    assert_found(only_end, [(1.0, ())])
    two = chain({2: [0.25, 0.75], A: [0.25, 0.75]}, vocab_size=2)
    found = search_chain(two, vocab_size=2, beam_width=4, max_steps=2)
    assert_found(found, [(0.25, ()), (0.1875, (A,))])


def test_fewer_live_hypotheses_than_the_beam_at_the_limit():
    endless = chain({2: [0.0, 1.0], A: [0.0, 1.0]}, vocab_size=2)
    found = search_chain(endless, vocab_size=2, max_steps=2)
    assert_found(found, [(1.0, (A, A))], finished=False)


def test_hypotheses_of_probability_zero_are_not_results():
    step_fn = chain({4: [0.0, 1.0, 0.0, 0.0], A: [0.0, 0.0, 0.0, 1.0], C: [1.0, 0.0, 0.0, 0.0]})
    found = search_chain(step_fn, num_results=3)
    assert_found(found, [(1.0, (A, C))])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_hypothesis_without_any_possible_token_dies_alone(jit_compile):
    nothing, end = [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    step_fn = chain({4: [0.0, 0.6, 0.4, 0.0], A: nothing, B: [0.6, 0.0, 0.0, 0.4], C: end})
    found = search_chain(step_fn, beam_width=2, jit_compile=jit_compile)
    assert_found(found, [(0.24, (B,)), (0.16, (B, C))])
