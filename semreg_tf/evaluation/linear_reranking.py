"""Reranking by a linear combination whose weights are fitted to a metric (after Fang et al. 2015).

Each hypothesis has a few figures, `QUANTITIES`; the one of the highest weighted sum is given. The
weights are fitted on a split of their own by exact line searches, as minimum error rate training
does (Och 2003): along a line in weight space the choices change at finitely many points alone, so
the metric is computed between all of them.
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
    """Weights of `QUANTITIES`, (5,) float64, and the metric that they reach where fitted."""

    weights: np.ndarray
    value: float


def quantities(
    hypotheses: Sequence[Sequence[str]],
    log_likelihoods: Sequence[float],
    concept_ids: dict[str, int],
    probabilities: np.ndarray,
    detected_from: float,
) -> np.ndarray:
    """Returns what is weighed of an image's hypotheses.

    Args:
      hypotheses: the words of each.
      log_likelihoods: of each, END counted.
      concept_ids: the concept that a word stands for, where it does.
      probabilities: of the image's concepts, (num_concepts,).
      detected_from: a concept is detected from this probability on.

    Returns:
      (hypotheses, 5) float64: log likelihood, the same by words and END, words, how many detected
      concepts are said, and the sum of the probabilities of all that are said.
    """
    rows = []
    for words, log_likelihood in zip(hypotheses, log_likelihoods, strict=True):
        said = sorted({concept_ids[word] for word in words if word in concept_ids})
        own = np.asarray(probabilities, np.float64)[said]
        per_word = log_likelihood / (len(words) + 1)
        detected = np.sum(own >= detected_from)
        rows.append([log_likelihood, per_word, len(words), detected, own.sum()])
    return np.array(rows, np.float64).reshape(-1, len(QUANTITIES))


def order(figures: np.ndarray, weights: np.ndarray) -> list[int]:
    """Returns the places of hypotheses by falling weighted sum; ties stay as they are.

    Args:
      figures: of `quantities`, (hypotheses, 5).
      weights: (5,).
    """
    return np.argsort(-(figures @ weights), kind="stable").tolist()


def fit(
    figures: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
) -> Fitted:
    """Fits the weights to a metric of the chosen hypotheses.

    The first start is the likelihood alone, so the fit is never below the search's own order;
    others are drawn. Each goes along one quantity after the other until no line rises.

    Args:
      figures: of each image, (hypotheses, 5).
      statistics: of each image, (hypotheses, s): what the metric sums over images.
      metric: sums (..., s) -> values (...), higher is better.
      seed: of the starts.

    Returns:
      The best weights of all starts, for the quantities as they are.

    Raises:
      ValueError: no image, or numbers of hypotheses that differ.
    """
    if not figures or [len(x) for x in figures] != [len(x) for x in statistics]:
        raise ValueError(
            "`figures` and `statistics` must be of the same images and hypotheses, at least one. "
            f"Received: {len(figures)} and {len(statistics)} images"
        )
    every = np.concatenate(figures)
    scale = np.maximum(every.std(0), 1e-9)
    scaled = [x / scale for x in figures]
    generator = np.random.default_rng(seed)
    starts = [np.eye(len(QUANTITIES))[0]]
    starts += list(generator.normal(size=(_STARTS - 1, len(QUANTITIES))))
    tried = [_climb(scaled, statistics, metric, start) for start in starts]
    best = max(tried, key=lambda fitted: fitted.value)
    weights = best.weights / scale
    return Fitted(weights / np.abs(weights).max(), best.value)


def _climb(
    figures: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
) -> Fitted:
    """Returns the weights that no line along one quantity improves, from a start."""
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
    """Returns how far to go along a direction, and the metric's value there.

    Where nothing is better than standing still, that is 0.
    """
    points, changes = [], []
    total = np.zeros(statistics[0].shape[1])
    for own, stats in zip(figures, statistics, strict=True):
        steps, chosen = upper_envelope(own @ weights, own @ direction)
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
    # Between equal points no choice is made.
    values = np.where(np.diff(ends) > 1e-9, values, -np.inf)
    here = int(np.searchsorted(places, 0.0, side="right"))
    best = int(np.argmax(values))
    if values[here] >= values[best]:
        return 0.0, float(values[here])
    return float(middles[best]), float(values[best])


def upper_envelope(offsets: np.ndarray, slopes: np.ndarray) -> tuple[list[float], list[int]]:
    """Returns where the highest of some lines changes, and which it is in between.

    Args:
      offsets: each line's height at 0, (n,).
      slopes: of each, (n,).

    Returns:
      The points from left to right, and the lines on top: one more than points. Of equal lines the
      first counts.

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
