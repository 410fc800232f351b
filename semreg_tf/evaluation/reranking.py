"""Consensus reranking (Mao et al. 2015).

The score of a hypothesis is the mean of its highest similarities to the captions of the training
images whose features are nearest; the hypothesis with the highest score is chosen.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from semreg_tf.config import RerankingConfig
from semreg_tf.metrics.ngram_similarity import NgramSimilarity

_QUERIES_AT_ONCE = 256


def nearest_images(features: np.ndarray, training_features: np.ndarray, k: int) -> np.ndarray:
    """Finds the nearest training images by Euclidean distance (exact search).

    Args:
      features: (images, d) float.
      training_features: (training images, d) float.
      k: neighbours of each image.

    Returns:
      Rows of `training_features`, nearest first, ties to the lower row, (images, k) int64.

    Raises:
      ValueError: widths differ, or there are fewer than k training images.
    """
    if features.shape[1:] != training_features.shape[1:] or training_features.ndim != 2:
        raise ValueError(
            "`features` and `training_features` must be (images, d) of one width. Received: "
            f"{features.shape} and {training_features.shape}"
        )
    if not 1 <= k <= len(training_features):
        raise ValueError(
            f"`k` must be between 1 and the {len(training_features)} training images. "
            f"Received: k={k}"
        )
    squares = np.square(training_features, dtype=np.float64).sum(1)
    nearest = []
    for start in range(0, len(features), _QUERIES_AT_ONCE):
        queries = features[start : start + _QUERIES_AT_ONCE]
        # |q|^2 is the same for all candidates of a query.
        distances = squares - 2.0 * (queries @ training_features.T)
        furthest = np.partition(distances, k - 1, axis=1)[:, k - 1]
        for row, limit in zip(distances, furthest, strict=True):
            near = np.flatnonzero(row <= limit)
            nearest.append(near[np.argsort(row[near], kind="stable")[:k]])
    return np.stack(nearest) if nearest else np.zeros((0, k), np.int64)


def consensus(similarities: np.ndarray, best: int) -> np.ndarray:
    """Returns the mean of each hypothesis's highest similarities, (hypotheses,).

    Args:
      similarities: to the captions of the nearest images, (hypotheses, captions).
      best: number of similarities to average; all where there are fewer.
    """
    count = min(best, similarities.shape[1])
    if not count:
        return np.zeros(len(similarities))
    return np.partition(similarities, -count, axis=1)[:, -count:].mean(axis=1)


class Compared(NamedTuple):
    """Similarities of an image's hypotheses to the captions of its neighbours.

    Attributes:
      similarities: (hypotheses, captions) float64, the captions of the nearest neighbour first.
      num_captions: cumulative number of captions over the neighbours, (neighbours,).
    """

    similarities: np.ndarray
    num_captions: np.ndarray


def compare_with_neighbours(
    hypotheses: Sequence[Sequence[Sequence[str]]],
    neighbours: np.ndarray,
    similarity: NgramSimilarity,
    kind: str,
) -> Iterator[Compared]:
    """Compares each image's hypotheses with its neighbours' captions.

    Args:
      hypotheses: the hypotheses of each image, best first, as lists of words.
      neighbours: the output of `nearest_images`, (images, k).
      similarity: of the training images' captions.
      kind: "cider" or "bleu".
    """
    for n_best, near in zip(hypotheses, neighbours, strict=True):
        num_captions = np.cumsum(similarity.num_captions[near])
        yield Compared(similarity.compare(n_best, near, kind), num_captions)


def rerank(compared: Iterable[Compared], config: RerankingConfig) -> list[list[int]]:
    """Orders each image's hypotheses by their consensus with the neighbours' captions.

    Args:
      compared: the output of `compare_with_neighbours`, of the config's similarity; the first
        `config.hypotheses` hypotheses and `config.neighbours` neighbours are used.
      config: the numbers of hypotheses, neighbours and similarities to average.

    Returns:
      For each image the indices of its hypotheses, the highest consensus first; ties keep the
      order of the search.

    Example:
      >>> similarity = NgramSimilarity([[["a", "dog", "runs"]], [["a", "cat"]]])
      >>> hypotheses, neighbours = [[["a", "cat"], ["a", "dog"]]], np.array([[0]])
      >>> compared = compare_with_neighbours(hypotheses, neighbours, similarity, "cider")
      >>> rerank(compared, RerankingConfig())
      [[1, 0]]
    """
    orders = []
    for similarities, num_captions in compared:
        near = num_captions[: config.neighbours]
        used = similarities[: config.hypotheses, : near[-1] if len(near) else 0]
        orders.append(np.argsort(-consensus(used, config.num_best), kind="stable").tolist())
    return orders
