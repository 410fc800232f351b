"""Single steps of the beam: what is completed, what lives on, what the bound says."""

import math

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.beam_expansion import BeamExpansion, Completed, Live

END = 0


def expansion(logits, **fields):
    fields = {
        "step_fn": lambda token_ids, state, context: (tf.constant(logits, tf.float32), state),
        "start_id": 9,
        "end_id": END,
        "beam_width": 2,
        "max_steps": 4,
        "length_normalisation": 0.0,
        "num_results": 2,
    } | fields
    return BeamExpansion(**fields)


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
