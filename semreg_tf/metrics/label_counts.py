"""Parts of all tag metrics: checks of 0/1 arrays, and means of ratios of counts."""

import numpy as np
from numpy.typing import ArrayLike


def check_indicators(name: str, values: ArrayLike) -> np.ndarray:
    """Returns 0/1 of any numeric dtype, or booleans, as a boolean array `(images, classes)`.

    Raises:
      TypeError: the values are not numbers.
      ValueError: the array does not have two axes or is empty, or a value is not 0 or 1.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"`{name}` must hold booleans or the numbers 0 and 1. "
            f"Received: {name} of dtype {array.dtype}"
        )
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"`{name}` must have two axes, (images, classes), of at least one each. "
            f"Received: {name} of shape {array.shape}"
        )
    if array.dtype != bool:
        wrong = (array != 0) & (array != 1)
        if wrong.any():
            raise ValueError(
                f"`{name}` must hold only 0 and 1; cut probabilities at a threshold first. "
                f"Received: {name} with the value {array[wrong][0]}"
            )
    return array.astype(bool)


def check_same_shape(targets: np.ndarray, name: str, values: ArrayLike) -> np.ndarray:
    """Returns `values` as an array of the shape of `targets`.

    Raises:
      ValueError: the shapes differ.
    """
    array = np.asarray(values)
    if array.shape != targets.shape:
        raise ValueError(
            f"`{name}` must have the shape of `targets`, (images, classes). "
            f"Received: {name} of shape {array.shape}, targets of shape {targets.shape}"
        )
    return array


def check_pair(targets: ArrayLike, predictions: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns targets and predictions of equal shapes, see `check_indicators`."""
    targets = check_indicators("targets", targets)
    predictions = check_indicators("predictions", predictions)
    return targets, check_same_shape(targets, "predictions", predictions)


def check_scores(targets: np.ndarray, name: str, values: ArrayLike) -> np.ndarray:
    """Returns ranking scores `(images, classes)` as floats.

    Raises:
      ValueError: the shape is not that of `targets`, or a score is NaN.
    """
    array = check_same_shape(targets, name, values)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    num_wrong = np.count_nonzero(np.isnan(array))
    if num_wrong:
        raise ValueError(
            f"`{name}` must not hold NaN. Received: {name} with {num_wrong} NaN of {array.size}"
        )
    return array


def ratio(numerator: np.ndarray, denominator: np.ndarray, undefined: float = 0.0) -> np.ndarray:
    """Returns `numerator / denominator` (float64), and `undefined` where the latter is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    quotient = np.full(shape, undefined, np.float64)
    return np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)


def harmonic_mean(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Returns F1, which is 0 where both arguments are."""
    return ratio(2 * np.multiply(precision, recall), np.add(precision, recall))


def mean_scores(
    num_correct: np.ndarray, num_predicted: np.ndarray, num_true: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes mean precision, mean recall and their harmonic mean (Sec. 4.2).

    A class (or image) without predictions has precision 0 in the mean. One without positives is
    left out of the mean recall (which is 0 if all are left out).

    Args:
      num_correct: |y and y_hat| of each class or image along the last axis.
      num_predicted: |y_hat|, the same shape.
      num_true: |y|, the same shape or one that broadcasts to it.

    Returns:
      Precision, recall and F1, float64, each of the shape without the last axis.
    """
    num_true = np.broadcast_to(num_true, np.shape(num_correct))
    precision = ratio(num_correct, num_predicted).mean(-1)
    recall = ratio(ratio(num_correct, num_true).sum(-1), np.count_nonzero(num_true, -1))
    return precision, recall, harmonic_mean(precision, recall)
