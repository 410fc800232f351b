"""Retrieval: which images and sentences are scored, and the mean behind P(w)."""

import numpy as np

from semreg_tf.evaluation.retrieval_evaluator import choose, log_mean
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun


def test_sentences_are_taken_in_turn(caption_runs, demo_data):
    split = EvaluatedRun(caption_runs[0], demo_data).split("test")
    chosen = choose(split, 4, 6)
    assert chosen.rows.tolist() == [0, 1, 2, 3]
    assert chosen.sequences.tolist() == [0, 1, 5, 6, 10, 15]
    assert chosen.owners.tolist() == [0, 0, 1, 1, 2, 3]


def test_log_mean_is_stable():
    scores = np.array([[-1000.0, -2.0, -np.inf], [-1001.0, -3.0, -np.inf]])
    want = [-1000 + np.log((1 + np.exp(-1)) / 2), np.log((np.exp(-2) + np.exp(-3)) / 2), -np.inf]
    np.testing.assert_allclose(log_mean(scores), want)
