"""Orders that a decoder chooses, against all permutations; inputs are its own choices."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.training import label_alignment

VOCAB, START, END = 6, 6, 5


def step_of(tables):
    """A decoder that reads each step's scores from a table (batch, time, vocab)."""
    tables = tf.constant(tables, tf.float32)

    def step(token_ids, state, context):
        return tf.gather(tables, state, batch_dims=1, axis=1), state + 1

    return step


def log_softmax(scores):
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


@pytest.mark.parametrize("seed", range(5))
def test_minimal_loss_is_the_best_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    labels, scores = np.array([4, 0, 2]), log_softmax(rng.normal(size=(3, VOCAB)))
    found = label_alignment.order_labels(labels, np.array([0, 1, 2]), scores, "minimal_loss")
    best = max(itertools.permutations(labels), key=lambda p: sum(scores[range(3), p]))
    assert tuple(found) == best


@pytest.mark.parametrize("seed", range(5))
def test_predicted_keeps_right_choices_and_permutes_the_others(seed):
    rng = np.random.default_rng(seed)
    labels, scores = np.array([4, 0, 2]), log_softmax(rng.normal(size=(3, VOCAB)))
    choices = np.array([1, 2, 3])
    found = label_alignment.order_labels(labels, choices, scores, "predicted")
    allowed = [p for p in itertools.permutations(labels) if p[1] == 2]
    assert tuple(found) == max(allowed, key=lambda p: sum(scores[range(3), p]))


def test_inputs_are_the_decoders_choices_without_end_or_repeats_and_padding_stays():
    scores = np.zeros((2, 3, VOCAB))
    # END is likeliest everywhere, then label 3, then label 1.
    scores[..., END], scores[..., 3], scores[..., 1] = 9, 5, 4
    targets = np.array([[1, 3, END], [2, END, 0]], np.int32)
    mask = np.array([[1, 1, 1], [1, 1, 0]], bool)
    align = label_alignment.LabelAlignment(start_id=START, end_id=END, kind="predicted")
    aligned = align(step_of(scores), tf.zeros([2], tf.int32), (), targets, mask)
    assert aligned.input_ids.numpy().tolist() == [[START, 3, 1], [START, 3, 1]]
    assert aligned.target_ids.numpy().tolist() == [[3, 1, END], [2, END, 0]]


def test_it_runs_inside_a_graph_and_no_gradient_passes():
    weights = tf.Variable(np.random.default_rng(0).normal(size=(1, 3, VOCAB)).astype("f"))

    def step(token_ids, state, context):
        return tf.gather(weights, state, batch_dims=1, axis=1), state + 1

    @tf.function
    def run(targets):
        with tf.GradientTape() as tape:
            choices, scores = label_alignment.free_running(
                step, tf.zeros([1], tf.int32), (), start_id=START, end_id=END, time=tf.constant(3)
            )
            total = tf.reduce_sum(scores)
        align = label_alignment.LabelAlignment(start_id=START, end_id=END, kind="minimal_loss")
        state, mask = tf.zeros([1], tf.int32), tf.ones([1, 3], tf.bool)
        aligned = align(step, state, (), targets, mask)
        return choices, aligned.target_ids, tape.gradient(total, weights) is None

    choices, targets, no_gradient = run(tf.constant([[0, 1, END]]))
    assert sorted(targets.numpy()[0]) == [0, 1, END] and targets.numpy()[0, -1] == END
    assert END not in choices.numpy() and bool(no_gradient)
