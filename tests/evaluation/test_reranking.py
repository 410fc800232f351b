"""Consensus reranking against a loop over everything; exact neighbours, ties."""

import numpy as np
import pytest

from semreg_tf.config import RerankingConfig
from semreg_tf.evaluation.reranking import (
    compare_with_neighbours,
    consensus,
    nearest_images,
    rerank,
)
from semreg_tf.metrics.ngram_similarity import NgramSimilarity

WORDS = ["a", "the", "dog", "cat", "runs", "sits", "on", "red", "big", "mat"]


def sentences(rng, number):
    return [rng.choice(WORDS, rng.integers(2, 8)).tolist() for _ in range(number)]


def test_neighbours_are_those_of_every_distance(monkeypatch):
    monkeypatch.setattr("semreg_tf.evaluation.reranking._QUERIES_AT_ONCE", 4)
    rng = np.random.default_rng(0)
    queries, training = rng.normal(size=(10, 5)), rng.normal(size=(30, 5))
    distances = np.linalg.norm(queries[:, None] - training[None], axis=2)
    want = np.argsort(distances, axis=1)[:, :7]
    np.testing.assert_array_equal(nearest_images(queries, training, 7), want)


def test_equal_distances_go_to_the_lower_row():
    training = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    found = nearest_images(np.array([[0.0, 1]], np.float32), training, 3)
    np.testing.assert_array_equal(found, [[1, 3, 0]])


@pytest.mark.parametrize("similarity", ["cider", "bleu"])
@pytest.mark.parametrize(("neighbours", "best", "kept"), [(4, 3, 5), (2, 50, 3), (6, 1, 1)])
def test_orders_are_those_of_a_loop_over_all_pairs(similarity, neighbours, best, kept):
    rng = np.random.default_rng(1)
    references = [sentences(rng, 1 + i % 3) for i in range(15)]
    hypotheses = [sentences(rng, 5) for _ in range(8)]
    near = np.stack([rng.permutation(15)[:6] for _ in hypotheses])
    compared = NgramSimilarity(references)
    config = RerankingConfig(similarity, kept, neighbours, best)
    got = rerank(compare_with_neighbours(hypotheses, near, compared, similarity), config)
    for own, rows, order in zip(hypotheses, near, got, strict=True):
        scores = []
        for hypothesis in own[:kept]:
            values = [
                compared.compare([hypothesis], np.array([row]), similarity)[0, j]
                for row in rows[:neighbours]
                for j in range(len(references[row]))
            ]
            scores.append(np.mean(sorted(values)[-best:]))
        assert order == sorted(range(kept), key=lambda i: -scores[i])


def test_equal_hypotheses_stay_in_the_searchs_order():
    compared = NgramSimilarity([[["a", "dog"]], [["a", "cat"]]])
    own = [["red"], ["a", "dog"], ["a", "dog"], ["mat"]]
    beside = compare_with_neighbours([own], np.array([[0, 1]]), compared, "cider")
    assert rerank(beside, RerankingConfig()) == [[1, 2, 0, 3]]


def test_consensus_takes_the_best_or_all():
    similarities = np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.3]])
    np.testing.assert_allclose(consensus(similarities, 2), [0.7, 0.3])
    np.testing.assert_allclose(consensus(similarities, 9), [0.5, 0.3])
    np.testing.assert_array_equal(consensus(np.zeros((2, 0)), 3), [0, 0])


def test_published_numbers_are_the_defaults():
    config = RerankingConfig()
    assert (config.hypotheses, config.neighbours, config.num_best) == (10, 60, 125)
    assert RerankingConfig("bleu").num_best == 175
    assert RerankingConfig("bleu", best=3).num_best == 3


def test_refusals():
    with pytest.raises(ValueError, match=r"`k` must be between 1 and the 3 .* Received: k=4"):
        nearest_images(np.zeros((1, 2)), np.zeros((3, 2)), 4)
    with pytest.raises(ValueError, match=r"`features` .* one width\. Received: \(1, 2\) and"):
        nearest_images(np.zeros((1, 2)), np.zeros((3, 3)), 1)
