"""Retrieval by scores: the rank of the first true candidate, R@K and the median rank.

Candidates with equal scores stand in a random order: every figure is its mean over all orders of
the tied, so that a scorer that tells nothing apart is at chance, whatever the order of the files.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

CUTS = (1, 5, 10)
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class FirstMatches:
    """Where the best-scored true candidate of each query stands, (queries,) int64 each.

    Attributes:
      above: candidates with a higher score.
      tied: candidates with its score, itself among them.
      tied_true: those of the tied that are true.
    """

    above: np.ndarray
    tied: np.ndarray
    tied_true: np.ndarray

    def ranks(self) -> np.ndarray:
        """Returns the expected ranks from 1, (queries,) float64."""
        # The first of r marked among t in random order stands at (t + 1) / (r + 1).
        return self.above + (self.tied + 1) / (self.tied_true + 1)

    def recall_at(self, k: int) -> np.ndarray:
        """Returns the probability that a true candidate is among the first k, (queries,)."""
        places = np.clip(k - self.above, 0, self.tied)
        # P(no true one in the first `places` of the tied), drawn without replacement.
        missed = np.ones(len(self.above))
        for i in range(int(places.max(initial=0))):
            false_left = np.maximum(self.tied - self.tied_true - i, 0)
            factor = false_left / np.maximum(self.tied - i, 1)
            missed = np.where(i < places, missed * factor, missed)
        return 1.0 - missed


@dataclass(frozen=True)
class RetrievalMetrics:
    """Figures of one direction of retrieval.

    Attributes:
      recalls: R@K by K, the share of queries with a true candidate among the first K.
      median_rank: of the first true candidate.
      num_queries: queries.
      num_candidates: candidates of each.
    """

    recalls: dict[int, float]
    median_rank: float
    num_queries: int
    num_candidates: int

    def as_dict(self) -> dict[str, float | int]:
        """Returns `R@1`, ..., `median_rank`, `num_queries`, `num_candidates`."""
        recalls = {f"R@{k}": value for k, value in self.recalls.items()}
        sizes = {"num_queries": self.num_queries, "num_candidates": self.num_candidates}
        return {**recalls, "median_rank": self.median_rank, **sizes}


def first_matches(
    scores: np.ndarray, query_groups: np.ndarray, candidate_groups: np.ndarray
) -> FirstMatches:
    """Finds the best-scored true candidate of each query.

    Args:
      scores: the higher the better, (queries, candidates) float; may be memory-mapped, a part of
        its rows is read at a time. -inf is allowed.
      query_groups: (queries,); a candidate is true where its group is the query's.
      candidate_groups: (candidates,).

    Returns:
      The matches.

    Raises:
      ValueError: shapes do not fit, a score is NaN, or a query has no true candidate.

    Example:
      >>> scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.7, 0.7]])
      >>> first_matches(scores, np.array([0, 1]), np.array([1, 0, 1])).ranks()
      array([2. , 1.5])
    """
    if scores.shape != (len(query_groups), len(candidate_groups)):
        raise ValueError(
            f"`scores` must be (queries, candidates), {(len(query_groups), len(candidate_groups))}."
            f" Received: scores.shape={scores.shape}"
        )
    parts = []
    for start in range(0, len(query_groups), _QUERIES_AT_ONCE):
        block = np.asarray(scores[start : start + _QUERIES_AT_ONCE])
        true = query_groups[start : start + len(block), None] == candidate_groups[None, :]
        _check(block, true, start)
        best = np.max(np.where(true, block, -np.inf), axis=1, keepdims=True)
        tied = block == best
        counts = ((block > best).sum(1), tied.sum(1), (tied & true).sum(1))
        parts.append(np.stack(counts, axis=1))
    matches = np.concatenate(parts) if parts else np.zeros((0, 3), np.int64)
    return FirstMatches(matches[:, 0], matches[:, 1], matches[:, 2])


def retrieval_metrics(
    scores: np.ndarray,
    query_groups: np.ndarray,
    candidate_groups: np.ndarray,
    cuts: Iterable[int] = CUTS,
) -> RetrievalMetrics:
    """Scores retrieval in one direction; the arguments are those of `first_matches`.

    Args:
      scores: (queries, candidates).
      query_groups: (queries,).
      candidate_groups: (candidates,).
      cuts: the K of R@K.

    Returns:
      The figures.

    Raises:
      ValueError: as `first_matches`, or there is no query.
    """
    if not len(query_groups):
        raise ValueError("`query_groups` must name at least one query. Received: none")
    matches = first_matches(scores, query_groups, candidate_groups)
    return RetrievalMetrics(
        recalls={k: float(matches.recall_at(k).mean()) for k in cuts},
        median_rank=float(np.median(matches.ranks())),
        num_queries=len(query_groups),
        num_candidates=len(candidate_groups),
    )


def chance(query_groups: np.ndarray, candidate_groups: np.ndarray) -> RetrievalMetrics:
    """Returns the figures of a scorer that knows nothing."""
    constant = np.broadcast_to(np.float32(0), (len(query_groups), len(candidate_groups)))
    return retrieval_metrics(constant, query_groups, candidate_groups)


def _check(scores: np.ndarray, true: np.ndarray, start: int) -> None:
    if np.isnan(scores).any():
        raise ValueError(
            "`scores` must hold no NaN. "
            f"Received: NaN for query {start + int(np.argwhere(np.isnan(scores))[0, 0])}"
        )
    without = np.flatnonzero(~true.any(1))
    if len(without):
        raise ValueError(
            "`candidate_groups` must hold a true candidate for each query. "
            f"Received: none for query {start + int(without[0])}"
        )
