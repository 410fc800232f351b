"""Retrieval metrics from scores: the rank of the first true candidate, R@K and the median rank.

Every figure is its mean over all orders of candidates with equal scores, so that constant scores
are at chance, whatever the order of the candidates.
"""

from dataclasses import dataclass

import numpy as np

CUTS = (1, 5, 10)
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class FirstMatches:
    """The position of each query's true candidate with the highest score, (queries,) int64 each.

    Attributes:
      above: number of candidates with a higher score.
      tied: number of candidates with its score, itself included.
      tied_true: number of true candidates with its score.
    """

    above: np.ndarray
    tied: np.ndarray
    tied_true: np.ndarray

    def ranks(self) -> np.ndarray:
        """Returns the expected ranks from 1, (queries,) float64."""
        # In a random order of t candidates, the first of r true ones has rank (t + 1) / (r + 1).
        return self.above + (self.tied + 1) / (self.tied_true + 1)

    def recall_at(self, k: int) -> np.ndarray:
        """Returns the probability that a true candidate is among the first k, (queries,)."""
        num_drawn = np.clip(k - self.above, 0, self.tied)
        # P(no true candidate among `num_drawn` of the tied ones), drawn without replacement.
        missed = np.ones(len(self.above))
        for i in range(int(num_drawn.max(initial=0))):
            remaining_false = np.maximum(self.tied - self.tied_true - i, 0)
            factor = remaining_false / np.maximum(self.tied - i, 1)
            missed = np.where(i < num_drawn, missed * factor, missed)
        return 1.0 - missed


@dataclass(frozen=True)
class RetrievalMetrics:
    """Figures of one direction of retrieval.

    Attributes:
      recalls: R@K by K, the share of queries with a true candidate among the first K.
      median_rank: median rank of the first true candidate.
      num_queries: number of queries.
      num_candidates: number of candidates of each query.
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
    """Finds each query's true candidate with the highest score.

    Args:
      scores: (queries, candidates) float, higher is better, -inf is allowed; it may be
        memory-mapped, since it is read in blocks of rows.
      query_groups: (queries,); a candidate is true if its group is the query's.
      candidate_groups: (candidates,).

    Raises:
      ValueError: the shapes do not match, a score is NaN, or a query has no true candidate.

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
) -> RetrievalMetrics:
    """Scores retrieval in one direction, with R@K for each K of `CUTS`; see `first_matches`.

    Raises:
      ValueError: as `first_matches`, or there is no query.
    """
    if not len(query_groups):
        raise ValueError("`query_groups` must name at least one query. Received: none")
    matches = first_matches(scores, query_groups, candidate_groups)
    return RetrievalMetrics(
        recalls={k: float(matches.recall_at(k).mean()) for k in CUTS},
        median_rank=float(np.median(matches.ranks())),
        num_queries=len(query_groups),
        num_candidates=len(candidate_groups),
    )


def chance(query_groups: np.ndarray, candidate_groups: np.ndarray) -> RetrievalMetrics:
    """Returns the expected figures of random scores."""
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
