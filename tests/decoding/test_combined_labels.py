"""Labels by CNN and decoder together, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.combined_labels import LabelCombination

# The decoder's outputs are 4 labels, END and START; the concepts have another order.
START, END, LABEL_IDS = 5, 4, (2, 0, 3, 1)
CNN = np.array([[0.9, 0.2, 0.5, 0.1], [0.3, 0.4, 0.6, 0.02], [0.01, 0.02, 0.01, 0.03]], np.float32)
# Logits of the list's first label, by output id; END follows it.
FIRST = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


def combined(concepts=CNN, **fields):
    def step(token_ids, state, context):
        logits = tf.where((token_ids == START)[:, None], context, 50 * tf.one_hot(END, 5))
        return logits, state

    config = DecodingConfig(
        method="combined", beam_width=1, **{"combine_threshold": 0.3, "max_steps": 6} | fields
    )
    combination = LabelCombination(config, start_id=START, end_id=END, label_ids=LABEL_IDS)
    return combination(concepts, step, tf.zeros((3, 1)), tf.constant(FIRST))


def lists(shift=0.0):
    """P(label is the list's one label), by concept."""
    exponents = np.exp(FIRST + shift * np.eye(5)[END])
    return (exponents / exponents.sum(1, keepdims=True))[:, LABEL_IDS]


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.12, 0.31, 0.99])
@pytest.mark.parametrize("max_steps", [2, 6])
def test_labels_are_those_above_the_threshold_best_first(weight, threshold, max_steps):
    found = combined(
        combine_weight=weight, combine_threshold=threshold, max_steps=max_steps, end_bias=-1.0
    )
    assert found.token_ids.shape == found.label_scores.shape == (3, 1, max_steps)
    means = np.exp((1 - weight) * np.log(CNN) + weight * np.log(lists(-1.0)))
    for row, mean in enumerate(means):
        best = [i for i in np.argsort(-mean) if mean[i] >= threshold][:max_steps]
        padding = [-1] * (max_steps - len(best))
        assert found.token_ids[row, 0].numpy().tolist() == [LABEL_IDS[i] for i in best] + padding
        np.testing.assert_allclose(found.label_scores[row, 0], [*mean[best], *padding], rtol=1e-4)
        np.testing.assert_allclose(found.scores[row, 0], np.log(mean[best]).sum(), rtol=1e-4)


def test_an_impossible_label_is_not_listed_at_a_threshold_of_zero():
    certain = np.where(CNN > 0.5, CNN, 0.0).astype(np.float32)
    found = combined(certain, combine_threshold=0.0)
    assert (found.token_ids.numpy() >= 0).sum(2).tolist() == [[1], [1], [0]]
    assert np.isfinite(found.scores).all()


def test_a_picture_may_have_no_label():
    found = combined()
    assert (found.token_ids[2] == -1).numpy().all() and found.scores[2, 0] == 0.0
