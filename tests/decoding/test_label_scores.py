"""The probability of each label to be in the list, against a sum over all lists."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.label_scores import label_scores

VOCAB, START, END, BATCH = 5, 5, 4, 6
RNG = np.random.default_rng(0)
# Logits by image and last token, START's in the last row.
TABLES = RNG.normal(size=(BATCH, VOCAB + 1, VOCAB)) * 2


def over_all_lists(table, max_steps):
    """Returns P(label in list) and P(a list ends), by visiting every list."""
    sums = np.zeros(VOCAB)

    def visit(probability, labels):
        if len(labels) == max_steps:
            return
        exponents = np.exp(table[labels[-1] if labels else START])
        exponents[labels] = 0
        for label, share in enumerate(exponents / exponents.sum()):
            sums[label] += probability * share
            if label != END and label not in labels:
                visit(probability * share, [*labels, label])

    visit(1.0, [])
    return sums


def on_the_greedy_way(table, max_steps):
    """Returns the sum over one beginning of each length, the most probable extension."""
    sums, labels, probability = np.zeros(VOCAB), [], 1.0
    for _ in range(max_steps):
        exponents = np.exp(table[labels[-1] if labels else START])
        exponents[labels] = 0
        shares = probability * exponents / exponents.sum()
        sums += shares
        labels.append(int(shares[:END].argmax()))
        probability = shares[labels[-1]]
    return sums


def scores(beam_width, max_steps):
    context = tf.constant(TABLES, tf.float32)
    state = tf.zeros([BATCH, 1])

    def step(token_ids, state, context):
        return tf.gather(context, token_ids, batch_dims=1), state

    return label_scores(
        step,
        state,
        context,
        start_id=START,
        end_id=END,
        max_steps=max_steps,
        beam_width=beam_width,
    )


@pytest.mark.parametrize("max_steps", [1, 2, 4])
def test_with_all_beginnings_the_scores_are_exact(max_steps):
    # Four labels have 24 orders, the most beginnings of one length.
    expected = [over_all_lists(table, max_steps) for table in TABLES]
    np.testing.assert_allclose(scores(24, max_steps), expected, atol=2e-3)


def test_one_beginning_is_the_greedy_way_without_end():
    expected = [on_the_greedy_way(table, 4) for table in TABLES]
    np.testing.assert_allclose(scores(1, 4), expected, atol=2e-3)


def test_more_beginnings_add_probability_and_no_score_is_above_one():
    by_width = [scores(width, 4).numpy() for width in (1, 2, 3, 24)]
    for fewer, more in itertools.pairwise(by_width):
        assert fewer.sum() < more.sum()
    assert by_width[-1].max() <= 1 + 1e-5
    # The shares of END sum to 1 over all lists once every label may be emitted.
    np.testing.assert_allclose(scores(24, 5)[:, END], 1, atol=2e-3)


def test_a_width_below_one_is_refused():
    with pytest.raises(ValueError, match="`beam_width` must be an integer of at least 1"):
        scores(0, 4)
