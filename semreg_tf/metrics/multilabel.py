"""Tag metrics of Sec. 4.2: C-P, C-R, C-F1 over classes and O-P, O-R, O-F1 over images.

Every score is a fraction in 0..1.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from semreg_tf.metrics.label_counts import (
    check_indicators,
    check_pair,
    check_scores,
    harmonic_mean,
    mean_scores,
    ratio,
)

_IMAGES_AT_ONCE = 8192

# Fields of `MultilabelMetrics` -> their names in the paper, or in later ones.
_AVERAGES = {
    f"{over}_{score}": f"{of}-{letter}"
    for over, of in (("class", "C"), ("image", "O"), ("micro", "micro"))
    for score, letter in (("precision", "P"), ("recall", "R"), ("f1", "F1"))
}
_PAPER_NAMES = {
    **_AVERAGES,
    "macro_f1": "macro-F1",
    "mean_average_precision": "mAP",
    "num_recalled_classes": "N+",
}


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """Counts and fractions of one class; NaN where they are undefined without positives."""

    name: str
    support: int
    predicted: int
    correct: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None


@dataclasses.dataclass(frozen=True)
class MultilabelMetrics:
    """All scores of one evaluated split, as fractions in 0..1.

    `class_*` are the paper's C- scores, `image_*` its O- scores. Later papers also report
    `micro_*`, `macro_f1` (the mean of the classes' F1, whereas C-F1 is the F1 of the means) and
    `mean_average_precision` (None without scores). `num_recalled_classes` is N+, the number of
    classes with a recall above 0.
    """

    class_precision: float
    class_recall: float
    class_f1: float
    image_precision: float
    image_recall: float
    image_f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_f1: float
    mean_average_precision: float | None
    num_recalled_classes: int
    num_images: int
    num_classes: int
    num_unlabelled_images: int
    num_empty_predictions: int
    classes_without_positives: tuple[str, ...]
    per_class: tuple[ClassScores, ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns the scores under the paper's names as JSON values, None where undefined."""
        values = dataclasses.asdict(self)
        values["classes_without_positives"] = list(self.classes_without_positives)
        values["per_class"] = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in scores.items()}
            for scores in values["per_class"]
        ]
        return {_PAPER_NAMES.get(name, name): value for name, value in values.items()}


class ImageScores(NamedTuple):
    """Precision, recall and F1 of each image, `(images,)` float64."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def multilabel_metrics(
    targets: ArrayLike,
    predictions: ArrayLike,
    scores: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
) -> MultilabelMetrics:
    """Scores sets of predicted labels (Sec. 4.2).

    For a class or an image, p = |y and y_hat| / |y_hat| and r = |y and y_hat| / |y|. C-P and C-R
    are means over classes, O-P and O-R means over images, not micro-averages; each F1 is the
    harmonic mean of the two means, as in all the paper's tables.

    The paper does not define the following cases (ours): an empty prediction, or a class that is
    never predicted, has precision 0 in the mean; a class without positives is listed, left out of
    C-R and mAP, and included in C-P; an image without labels is counted, left out of O-R, and
    included in O-P with precision 0.

    Args:
      targets: 0/1 or booleans `(images, classes)`.
      predictions: 0/1 or booleans `(images, classes)`.
      scores: floats `(images, classes)`, higher is more likely; for mAP only.
      class_names: a name for each class; None: "0", "1", ...

    Raises:
      TypeError: labels are not numbers.
      ValueError: a shape is wrong, a label is not 0 or 1, a score is NaN, or class names do not
        match the classes.

    Example:
      >>> metrics = multilabel_metrics([[1, 1], [0, 1]], [[1, 0], [0, 1]])
      >>> metrics.image_precision, metrics.image_recall
      (1.0, 0.75)
    """
    targets, predictions = check_pair(targets, predictions)
    names = _check_names(class_names, targets.shape[1])
    correct = targets & predictions
    arrays = (targets, predictions, correct)
    support, predicted, hits = (np.count_nonzero(x, 0) for x in arrays)
    image_labels, image_predicted, image_hits = (np.count_nonzero(x, 1) for x in arrays)
    average_precision = None
    if scores is not None:
        average_precision = _average_precision(targets, check_scores(targets, "scores", scores))
    precision, recall = ratio(hits, predicted), ratio(hits, support, math.nan)
    f1 = np.where(support > 0, harmonic_mean(precision, ratio(hits, support)), math.nan)
    over_classes = mean_scores(hits, predicted, support)
    over_images = mean_scores(image_hits, image_predicted, image_labels)
    micro = mean_scores(*(x.sum(keepdims=True) for x in (hits, predicted, support)))
    averages = map(float, over_classes + over_images + micro)
    return MultilabelMetrics(
        **dict(zip(_AVERAGES, averages, strict=True)),
        macro_f1=_mean_of_defined(f1) or 0.0,
        mean_average_precision=_mean_of_defined(average_precision),
        num_recalled_classes=int(np.count_nonzero(hits)),
        num_images=targets.shape[0],
        num_classes=targets.shape[1],
        num_unlabelled_images=int(np.count_nonzero(image_labels == 0)),
        num_empty_predictions=int(np.count_nonzero(image_predicted == 0)),
        classes_without_positives=tuple(
            name for name, number in zip(names, support, strict=True) if number == 0
        ),
        per_class=tuple(
            ClassScores(
                name,
                int(support[i]),
                int(predicted[i]),
                int(hits[i]),
                float(precision[i]),
                float(recall[i]),
                float(f1[i]),
                None if average_precision is None else float(average_precision[i]),
            )
            for i, name in enumerate(names)
        ),
    )


def per_image_scores(targets: ArrayLike, predictions: ArrayLike) -> ImageScores:
    """Scores each image separately; arguments and errors as for `multilabel_metrics`.

    Returns:
      Precision (0 for an empty prediction), recall and F1 (both NaN for an image without
      labels), each `(images,)` float64.
    """
    targets, predictions = check_pair(targets, predictions)
    correct = np.count_nonzero(targets & predictions, 1)
    labels = np.count_nonzero(targets, 1)
    precision = ratio(correct, np.count_nonzero(predictions, 1))
    f1 = harmonic_mean(precision, ratio(correct, labels))
    return ImageScores(
        precision, ratio(correct, labels, math.nan), np.where(labels > 0, f1, math.nan)
    )


def best_threshold(
    targets: ArrayLike,
    probabilities: ArrayLike,
    grid: ArrayLike | None = None,
) -> tuple[float, float]:
    """Finds the threshold, one for all classes, with the highest O-F1.

    A label is predicted where `probability >= threshold`. Of thresholds with equal O-F1 the lowest
    is returned.

    Args:
      targets: 0/1 or booleans `(images, classes)`.
      probabilities: floats `(images, classes)`; other scores need a grid of their range.
      grid: thresholds to try, `(thresholds,)`; None: 0.01, 0.02, ... 0.99.

    Returns:
      The threshold and its O-F1, a fraction in 0..1.

    Raises:
      TypeError: labels are not numbers.
      ValueError: a shape is wrong, a probability is NaN, or the grid is empty.
    """
    targets = check_indicators("targets", targets)
    probabilities = check_scores(targets, "probabilities", probabilities)
    grid = np.arange(1, 100) / 100 if grid is None else np.unique(np.asarray(grid, np.float64))
    if not grid.size or np.isnan(grid).any():
        raise ValueError(
            f"`grid` must hold at least one threshold and no NaN. Received: grid={grid.tolist()}"
        )
    f1 = _image_f1(targets, probabilities, grid)
    best = int(np.argmax(f1))
    return float(grid[best]), float(f1[best])


def _check_names(class_names: Sequence[str] | None, num_classes: int) -> Sequence[str]:
    if class_names is None:
        return [str(index) for index in range(num_classes)]
    if len(class_names) != num_classes or len(set(class_names)) != num_classes:
        raise ValueError(
            f"`class_names` must be {num_classes} different names, one per class. Received: "
            f"{len(class_names)} names, {len(set(class_names))} different"
        )
    return class_names


def _average_precision(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns the average precision of each class `(classes,)`, NaN without positives.

    It is the mean, over the positives, of the precision among all images that score at least as
    high, so that ties count together, as in scikit-learn. Sorting values is faster than ranking.
    """
    result = np.full(targets.shape[1], math.nan)
    for index, (labels, values) in enumerate(zip(targets.T, scores.T, strict=True)):
        positives = np.sort(values[labels])
        if positives.size:
            num_above = values.size - np.searchsorted(np.sort(values), positives)
            num_correct = positives.size - np.searchsorted(positives, positives)
            result[index] = np.mean(num_correct / num_above)
    return result


def _mean_of_defined(values: np.ndarray | None) -> float | None:
    if values is None or np.isnan(values).all():
        return None
    return float(np.nanmean(values))


def _image_f1(targets: np.ndarray, probabilities: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Returns O-F1 at each threshold, computed over blocks of images to bound the memory."""
    precision, recall = np.zeros(grid.size), np.zeros(grid.size)
    for start in range(0, len(targets), _IMAGES_AT_ONCE):
        block = slice(start, start + _IMAGES_AT_ONCE)
        correct, predicted = _counts_above(targets[block], probabilities[block], grid)
        precision += ratio(correct, predicted).sum(0)
        recall += ratio(correct, np.count_nonzero(targets[block], 1)[:, None]).sum(0)
    num_labelled = np.asarray(np.count_nonzero(targets.any(1)))
    return harmonic_mean(precision / len(targets), ratio(recall, num_labelled))


def _counts_above(
    targets: np.ndarray, probabilities: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts the correct and the predicted labels of each row, both `(rows, thresholds)`."""
    num_rows, num_bins = len(targets), grid.size + 1
    # A value in bin b reaches the first b thresholds, compared in the dtype of the values.
    cells = np.searchsorted(grid.astype(probabilities.dtype), probabilities, side="right")
    cells += np.arange(num_rows)[:, None] * num_bins

    def count(selected: np.ndarray) -> np.ndarray:
        histogram = np.bincount(selected, minlength=num_rows * num_bins)
        return histogram.reshape(num_rows, num_bins)[:, :0:-1].cumsum(1)[:, ::-1]

    return count(cells[targets]), count(cells.ravel())
