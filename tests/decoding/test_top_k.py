"""Labels by score, and the blocked top-k against NumPy's stable sort."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.decoding.top_k import top_k_labels, top_k_of_many


def test_labels_come_by_descending_score_and_ties_by_id():
    scores = tf.constant([[0.1, 0.7, 0.2, 0.7], [3.0, -1.0, 3.0, 3.0]])
    assert top_k_labels(scores, 3).numpy().tolist() == [[1, 3, 2], [0, 2, 3]]
    assert top_k_labels(scores, 3).dtype == tf.int32


def test_labels_take_an_empty_batch_and_all_labels():
    assert top_k_labels(tf.zeros([0, 5]), 3).shape == (0, 3)
    assert top_k_labels([[0.0, 1.0]], 2).numpy().tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, r"`k` must be an integer of at least 1\. Received: k=0"),
        (1.0, r"`k` must be an integer .* Received: k=1\.0"),
        (4, r"`k` must not exceed the number of labels in `scores`, 3\. Received: k=4"),
    ],
)
def test_refuses_a_k_out_of_range(k, message):
    with pytest.raises(ValueError, match=message):
        top_k_labels(tf.zeros([2, 3]), k)


def test_refuses_scores_of_another_rank():
    with pytest.raises(ValueError, match=r"`scores` must be \(batch, num_labels\).*shape=\(3,\)"):
        top_k_labels([0.1, 0.2, 0.3], 1)


@pytest.mark.parametrize("columns", [40, 1024, 1100, 1499, 2918, 4000])
@pytest.mark.parametrize("k", [1, 4, 11])
def test_blocked_top_k_equals_a_stable_sort(columns, k):
    rng = np.random.default_rng(columns + k)
    scores = np.concatenate(
        [
            rng.normal(size=[6, columns]),
            rng.integers(0, 3, [6, columns]),
            np.zeros([1, columns]),
            np.full([1, columns], -np.inf),
            np.where(np.arange(columns) < columns - 2, -np.inf, 1.0)[None],
        ]
    ).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values, indices = top_k_of_many(tf.constant(scores), k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(scores, expected, axis=1))


@pytest.mark.parametrize("columns", [1200, 1499])
def test_blocked_top_k_under_xla(columns):
    scores = np.random.default_rng(0).integers(0, 40, [5, columns]).astype(np.float32)
    compiled = tf.function(top_k_of_many, jit_compile=True)
    np.testing.assert_array_equal(
        compiled(tf.constant(scores), 4)[1], np.argsort(-scores, axis=1, kind="stable")[:, :4]
    )
