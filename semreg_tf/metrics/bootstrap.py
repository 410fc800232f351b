"""Confidence intervals of scores by the bootstrap over images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from semreg_tf.metrics.caption_statistics import bleu_from_statistics, meteor_from_statistics
from semreg_tf.metrics.captions import CaptionMetrics
from semreg_tf.metrics.label_counts import check_pair, harmonic_mean, mean_scores, ratio

_RESAMPLES_AT_ONCE = 100
_SEED = 0
# Of an interval of 95 %.
_QUANTILES = (0.025, 0.975)
_BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")


class Interval(NamedTuple):
    """A score over all images, and percentiles of the score over resampled images."""

    value: float
    low: float
    high: float


def multilabel_intervals(
    targets: ArrayLike,
    predictions: ArrayLike,
    *,
    num_resamples: int = 1000,
) -> dict[str, Interval]:
    """Computes intervals of C-P, C-R, C-F1, O-P, O-R, O-F1 and the micro-averages (Sec. 4.2).

    Each resample draws as many images as there are, with replacement, and every score is computed
    on it: a class without positives in a resample is left out of its C-R, as in
    `multilabel_metrics`.

    Args:
      targets: 0/1 or booleans `(images, classes)`.
      predictions: 0/1 or booleans `(images, classes)`.
      num_resamples: number of resamples, at least 2; a 95 % interval needs hundreds. For equal
        numbers of images the same ones are drawn, so two systems can be compared resample by
        resample.

    Returns:
      A 95 % `Interval` by the score's name, fractions in 0..1.

    Raises:
      TypeError: labels are not numbers.
      ValueError: a shape is wrong, a label is not 0 or 1, or an argument is out of range.
    """
    targets, predictions = check_pair(targets, predictions)
    correct = targets & predictions
    num_classes = targets.shape[1]
    num_true, num_predicted, num_correct = (
        np.count_nonzero(x, 1).astype(np.float64) for x in (targets, predictions, correct)
    )
    precision_of_image, recall_of_image = (ratio(num_correct, x) for x in (num_predicted, num_true))
    of_images = (np.ones(len(targets)), num_true > 0, precision_of_image, recall_of_image)
    columns = np.column_stack([correct, predictions, targets, *of_images]).astype(np.float64)

    def score(sums: np.ndarray) -> dict[str, np.ndarray]:
        counts = np.split(sums[:, : 3 * num_classes], 3, axis=1)
        images, labelled, precisions, recalls = sums[:, 3 * num_classes :].T
        of_classes = mean_scores(*counts)
        precision, recall = precisions / images, ratio(recalls, labelled)
        values = (
            *of_classes,
            *(precision, recall, harmonic_mean(precision, recall)),
            *mean_scores(*(x.sum(1, keepdims=True) for x in counts)),
        )
        names = (f"{kind}-{name}" for kind in ("C", "O", "micro") for name in ("P", "R", "F1"))
        return dict(zip(names, values, strict=True))

    return _intervals(columns, score, num_resamples)


def caption_intervals(
    metrics: CaptionMetrics,
    *,
    num_resamples: int = 1000,
) -> dict[str, Interval]:
    """Computes intervals of every score of `metrics`; arguments as for `multilabel_intervals`.

    BLEU and METEOR are scores of a corpus: their statistics are summed over each resample. ROUGE-L
    and CIDEr are means over images; CIDEr keeps the document frequencies of all images.
    """
    means = [name for name in metrics.scores if name in ("ROUGE-L", "CIDEr")]
    columns = [
        np.ones((metrics.num_images, 1)),
        *(np.array(list(metrics.per_image[name].values()))[:, None] for name in means),
        metrics.bleu_statistics,
    ]
    if metrics.meteor_statistics is not None:
        columns.append(metrics.meteor_statistics)

    def score(sums: np.ndarray) -> dict[str, np.ndarray]:
        first = 1 + len(means)
        bleu = bleu_from_statistics(sums[:, first : first + 10])
        scores = dict(zip(_BLEU, bleu.T, strict=True))
        scores |= {name: sums[:, 1 + i] / sums[:, 0] for i, name in enumerate(means)}
        if metrics.meteor_statistics is not None:
            scores["METEOR"] = meteor_from_statistics(sums[:, first + 10 :])
        return {name: scores[name] for name in metrics.scores}

    return _intervals(np.hstack(columns), score, num_resamples)


def _intervals(
    columns: np.ndarray,
    score: Callable[[np.ndarray], dict[str, np.ndarray]],
    num_resamples: int,
) -> dict[str, Interval]:
    """Scores the sums of `columns` `(images, columns)` over all images and over resamples."""
    if num_resamples < 2:
        raise ValueError(
            f"`num_resamples` must be at least 2. Received: num_resamples={num_resamples}"
        )
    rng = np.random.default_rng(_SEED)
    sums = [columns.sum(0, keepdims=True)]
    num_images = len(columns)
    for start in range(0, num_resamples, _RESAMPLES_AT_ONCE):
        drawn = [
            np.bincount(rng.integers(num_images, size=num_images), minlength=num_images)
            for _ in range(min(_RESAMPLES_AT_ONCE, num_resamples - start))
        ]
        sums.append(np.array(drawn, np.float64) @ columns)
    intervals = {}
    for name, values in score(np.concatenate(sums)).items():
        low, high = np.quantile(values[1:], _QUANTILES)
        intervals[name] = Interval(float(values[0]), float(low), float(high))
    return intervals
