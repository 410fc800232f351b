"""Reranking by a linear combination whose weights are fitted to a metric (after Fang et al. 2015).

The hypothesis with the highest weighted sum of its `QUANTITIES` is chosen. The weights are fitted
on a separate split by exact line searches, as in minimum error rate training (Och 2003): along a
line in weight space the chosen hypotheses change at finitely many points, so the metric is
computed once between each two of them.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

QUANTITIES = (
    "log_likelihood",
    "log_likelihood_per_word",
    "words",
    "concepts_said",
    "probability_said",
)
_ROUNDS, _STARTS = 20, 8


class Fitted(NamedTuple):
    """Weights of `QUANTITIES`, (5,) float64, and the metric's value on the split of the fit."""

    weights: np.ndarray
    value: float


def quantities(
    hypotheses: Sequence[Sequence[str]],
    log_likelihoods: Sequence[float],
    concept_ids: dict[str, int],
    probabilities: np.ndarray,
    detected_from: float,
) -> np.ndarray:
    """Computes the `QUANTITIES` of an image's hypotheses.

    Args:
      hypotheses: the words of each.
      log_likelihoods: the log-likelihood of each, END included.
      concept_ids: the concept's id by the word that names it.
      probabilities: probabilities of the image's concepts, (num_concepts,).
      detected_from: lowest probability of a detected concept.

    Returns:
      (hypotheses, 5) float64: log-likelihood, log-likelihood per word (END counts), number of
      words, number of detected concepts in the hypothesis, and sum of the probabilities of all
      concepts in the hypothesis.
    """
    rows = []
    for words, log_likelihood in zip(hypotheses, log_likelihoods, strict=True):
        mentioned = sorted({concept_ids[word] for word in words if word in concept_ids})
        of_mentioned = np.asarray(probabilities, np.float64)[mentioned]
        per_word = log_likelihood / (len(words) + 1)
        detected = np.sum(of_mentioned >= detected_from)
        rows.append([log_likelihood, per_word, len(words), detected, of_mentioned.sum()])
    return np.array(rows, np.float64).reshape(-1, len(QUANTITIES))


def order(figures: np.ndarray, weights: np.ndarray) -> list[int]:
    """Returns the indices of hypotheses by falling weighted sum of their `quantities`.

    Ties keep their order.
    """
    return np.argsort(-(figures @ weights), kind="stable").tolist()


def fit(
    figures: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
) -> Fitted:
    """Fits the weights to a metric of the chosen hypotheses.

    The first starting point weighs the likelihood alone, so the fit is never below the order of
    the search; the others are random. Each is improved along one quantity after the other until no
    line search raises the metric.

    Args:
      figures: of each image, (hypotheses, 5).
      statistics: of each image, (hypotheses, s): the values that the metric sums over images.
      metric: maps sums (..., s) to values (...), higher is better.

    Returns:
      The best weights of all starting points, for unscaled quantities.

    Raises:
      ValueError: there is no image, or `figures` and `statistics` differ in hypotheses.
    """
    if not figures or [len(x) for x in figures] != [len(x) for x in statistics]:
        raise ValueError(
            "`figures` and `statistics` must be of the same images and hypotheses, at least one. "
            f"Received: {len(figures)} and {len(statistics)} images"
        )
    scale = np.maximum(np.concatenate(figures).std(0), 1e-9)
    scaled = [x / scale for x in figures]
    generator = np.random.default_rng(0)
    starts = [np.eye(len(QUANTITIES))[0]]
    starts += list(generator.normal(size=(_STARTS - 1, len(QUANTITIES))))
    candidates = [_climb(scaled, statistics, metric, start) for start in starts]
    best = max(candidates, key=lambda fitted: fitted.value)
    weights = best.weights / scale
    return Fitted(weights / np.abs(weights).max(), best.value)


def _climb(
    figures: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
) -> Fitted:
    """Returns weights, reached from `start`, that no line search along a quantity improves."""
    weights = start
    value = -np.inf
    for _ in range(_ROUNDS):
        before = value
        for direction in np.eye(len(start)):
            step, reached = _best_on_line(figures, statistics, metric, weights, direction)
            if reached > value:
                weights, value = weights + step * direction, reached
        if value <= before:
            break
    return Fitted(weights, float(value))


def _best_on_line(
    figures: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
    weights: np.ndarray,
    direction: np.ndarray,
) -> tuple[float, float]:
    """Returns the best step along a direction, 0 if no step helps, and the metric's value there."""
    points, changes = [], []
    total = np.zeros(statistics[0].shape[1])
    for quantity, stats in zip(figures, statistics, strict=True):
        steps, chosen = upper_envelope(quantity @ weights, quantity @ direction)
        total = total + stats[chosen[0]]
        points += steps
        changes += [stats[b] - stats[a] for a, b in itertools.pairwise(chosen)]
    if not points:
        return 0.0, float(metric(total))
    by_place = np.argsort(points, kind="stable")
    places = np.array(points)[by_place]
    sums = np.concatenate([total[None], total + np.cumsum(np.array(changes)[by_place], 0)])
    ends = np.concatenate([[places[0] - 2.0], places, [places[-1] + 2.0]])
    middles = (ends[:-1] + ends[1:]) / 2
    values = metric(sums)
    # No step lies between two equal points.
    values = np.where(np.diff(ends) > 1e-9, values, -np.inf)
    current = int(np.searchsorted(places, 0.0, side="right"))
    best = int(np.argmax(values))
    if values[current] >= values[best]:
        return 0.0, float(values[current])
    return float(middles[best]), float(values[best])


def upper_envelope(offsets: np.ndarray, slopes: np.ndarray) -> tuple[list[float], list[int]]:
    """Computes which of n lines is the highest, from left to right.

    Args:
      offsets: each line's height at 0, (n,).
      slopes: each line's slope, (n,).

    Returns:
      The points where the highest line changes, and the indices of the highest lines, one more
      than points. Of equal lines the first counts.

    Example:
      >>> upper_envelope(np.array([0.0, 1.0, 0.0]), np.array([-1.0, 0.0, 1.0]))
      ([-1.0, 1.0], [0, 1, 2])
    """
    points: list[float] = []
    chosen: list[int] = []
    for i in sorted(range(len(slopes)), key=lambda j: (slopes[j], -offsets[j], j)):
        if chosen and slopes[i] == slopes[chosen[-1]]:
            continue
        while chosen:
            last = chosen[-1]
            place = (offsets[last] - offsets[i]) / (slopes[i] - slopes[last])
            if points and place <= points[-1]:
                points.pop()
                chosen.pop()
                continue
            points.append(float(place))
            break
        chosen.append(i)
    return points, chosen
