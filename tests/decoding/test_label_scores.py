"""The scores of labels on the greedy way, against a plain loop."""

import numpy as np
import tensorflow as tf

from semreg_tf.decoding.label_scores import label_scores

VOCAB, END = 5, 4


def plain(table, max_steps):
    best, said = np.zeros(VOCAB), np.zeros(VOCAB)
    for scores in table[: max_steps + 1]:
        best = np.maximum(best, np.exp(scores) / np.exp(scores).sum())
        choice = np.argmax(np.where(said > 0, -np.inf, scores))
        said[choice] = 1
        if choice == END:
            break
    return best


def test_scores_are_the_maximum_up_to_end():
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(20, 7, VOCAB)) * 2
    tensor = tf.constant(tables, tf.float32)

    def step(token_ids, state, context):
        return tf.gather(tensor, state, batch_dims=1, axis=1), tf.minimum(state + 1, 6)

    found = label_scores(
        step, tf.zeros([20], tf.int32), (), start_id=VOCAB, end_id=END, max_steps=5
    )
    np.testing.assert_allclose(found, [plain(t, 5) for t in tables], rtol=1e-5)
