"""Ranks against counting, ties against all their orders, a random scorer against chance."""

import itertools

import numpy as np
import pytest

from semreg_tf.metrics.retrieval import chance, first_matches, retrieval_metrics


def rank_by_sorting(scores, true):
    """The place of the first true candidate, scores all different."""
    order = np.argsort(-scores)
    return 1 + int(np.flatnonzero(true[order])[0])


def test_ranks_and_recalls_are_those_of_sorting():
    rng = np.random.default_rng(0)
    images, sentences = 30, 90
    owners = rng.permutation(np.repeat(np.arange(images), 3))
    scores = rng.normal(size=(images, sentences)).astype("f")
    scores[np.arange(sentences) % images, np.arange(sentences)] += 1.0
    want = np.array([rank_by_sorting(scores[i], owners == i) for i in range(images)])
    np.testing.assert_array_equal(first_matches(scores, np.arange(images), owners).ranks(), want)
    found = retrieval_metrics(scores, np.arange(images), owners)
    assert found.recalls == {k: pytest.approx((want <= k).mean()) for k in (1, 5, 10)}
    assert found.median_rank == np.median(want)
    assert (found.num_queries, found.num_candidates) == (images, sentences)
    # The other way, each sentence has one image.
    back = retrieval_metrics(scores.T, owners, np.arange(images))
    want = np.array(
        [rank_by_sorting(scores[:, j], np.arange(images) == owners[j]) for j in range(sentences)]
    )
    assert back.recalls[5] == pytest.approx((want <= 5).mean())
    assert back.median_rank == np.median(want)


def test_ties_are_the_mean_over_every_order():
    rng = np.random.default_rng(1)
    for _ in range(20):
        candidates = 6
        true = rng.random(candidates) < 0.4
        true[rng.integers(candidates)] = True
        scores = rng.integers(0, 3, candidates).astype("f")
        ranks = []
        for order in itertools.permutations(range(candidates)):
            ordered = sorted(order, key=lambda j: -scores[j])  # stable: ties as in `order`
            ranks.append(1 + next(i for i, j in enumerate(ordered) if true[j]))
        found = first_matches(scores[None], np.array([1]), true.astype(int))
        assert found.ranks()[0] == pytest.approx(np.mean(ranks))
        for k in (1, 2, 5, 9):
            assert found.recall_at(k)[0] == pytest.approx(np.mean(np.array(ranks) <= k))


def test_a_scorer_that_tells_nothing_apart_is_at_chance_and_so_is_a_random_one():
    images, each = 200, 5
    owners = np.repeat(np.arange(images), each)
    to_image = chance(owners, np.arange(images))
    assert to_image.recalls == {k: pytest.approx(k / images) for k in (1, 5, 10)}
    assert to_image.median_rank == (images + 1) / 2
    to_sentence = chance(np.arange(images), owners)
    assert to_sentence.recalls[1] == pytest.approx(1 / images)
    scores = np.random.default_rng(2).normal(size=(images * each, images))
    random = retrieval_metrics(scores, owners, np.arange(images))
    for k in (1, 5, 10):
        assert random.recalls[k] == pytest.approx(k / images, abs=0.02)
    assert random.median_rank == pytest.approx((images + 1) / 2, rel=0.1)


def test_impossible_scores_are_last_and_tied():
    scores = np.array([[-np.inf, -np.inf, 1.0]])
    found = first_matches(scores, np.array([0]), np.array([0, 1, 2]))
    assert (found.above[0], found.tied[0], found.ranks()[0]) == (1, 2, 2.5)


def test_as_dict_names_the_figures():
    found = retrieval_metrics(np.eye(3), np.arange(3), np.arange(3)).as_dict()
    sizes = {"num_queries": 3, "num_candidates": 3}
    assert found == {"R@1": 1.0, "R@5": 1.0, "R@10": 1.0, "median_rank": 1.0, **sizes}


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ValueError, match=r"`scores` must be .*\(2, 3\)\. Received: .*\(2, 2\)"):
        first_matches(np.eye(2), np.arange(2), np.arange(3))
    with pytest.raises(ValueError, match=r"`scores` must hold no NaN.* query 1"):
        first_matches(np.array([[1.0, 0], [np.nan, 0]]), np.arange(2), np.arange(2))
    with pytest.raises(ValueError, match=r"`candidate_groups` must .* Received: none for query 1"):
        first_matches(np.eye(2), np.array([0, 7]), np.arange(2))
    with pytest.raises(ValueError, match=r"`query_groups` must name at least one"):
        retrieval_metrics(np.zeros((0, 2)), np.zeros(0), np.zeros(2))
