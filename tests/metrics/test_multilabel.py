"""Tag metrics against loops written from Sec. 4.2, the paper's printed F1, and scikit-learn."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from semreg_tf.metrics.label_counts import mean_scores
from semreg_tf.metrics.multilabel import (
    best_threshold,
    multilabel_metrics,
    per_image_scores,
)

# C-R, C-P, C-F1, O-R, O-P, O-F1 as printed in Table 1 (NUS-WIDE) and Table 2 (COCO).
TABLE_1 = {
    "CNN+logistic": (45.03, 45.60, 45.31, 70.77, 51.32, 59.50),
    "CNN+Softmax": (31.22, 31.68, 31.45, 59.52, 47.82, 53.03),
    "CNN+WARP": (35.60, 31.65, 33.51, 60.49, 48.59, 53.89),
    "CNN-RNN": (30.40, 40.50, 34.70, 61.70, 49.90, 55.20),
    "RIA": (43.62, 52.92, 47.82, 66.75, 68.98, 67.85),
    "TagNeighbour": (57.30, 54.74, 55.99, 75.10, 53.46, 62.46),
    "SINN": (60.63, 58.30, 59.44, 79.12, 57.05, 66.30),
    "Ours": (50.17, 55.65, 52.77, 71.35, 70.57, 70.96),
    "Ours+Tag1K Fix": (58.52, 63.51, 60.91, 77.33, 76.21, 76.77),
    "Ours+Tag1K": (61.73, 71.73, 66.36, 76.88, 77.41, 77.15),
}
TABLE_2 = {
    "CNN+logistic": (58.6, 59.3, 58.9, 65.0, 61.7, 63.3),
    "CNN+Softmax": (59.0, 57.0, 58.0, 60.2, 62.1, 61.1),
    "CNN+WARP": (59.3, 52.5, 55.7, 59.8, 61.4, 60.7),
    "CNN-RNN": (55.6, 66.0, 60.4, 66.4, 69.2, 67.8),
    "RIA": (54.07, 64.32, 58.75, 64.57, 74.20, 69.05),
    "Ours": (59.83, 67.40, 63.39, 68.73, 76.63, 72.47),
    "Ours+Tag1K": (63.13, 71.38, 67.00, 73.05, 77.41, 75.16),
}
ROWS = [
    (f"{table}/{system}/{kind}", *values[start : start + 3])
    for table, rows in (("1", TABLE_1), ("2", TABLE_2))
    for system, values in rows.items()
    for kind, start in (("C", 0), ("O", 3))
]
QUOTED_FROM_ELSEWHERE = "2/CNN+WARP/O"


def loop_scores(targets, predictions):
    """C-P, C-R, C-F1, O-P, O-R, O-F1 as sets, one by one."""
    scores = []
    for y, y_hat in ((targets.T, predictions.T), (targets, predictions)):
        precisions, recalls = [], []
        for true, guessed in zip(y, y_hat, strict=True):
            true, guessed = set(np.flatnonzero(true)), set(np.flatnonzero(guessed))
            precisions.append(len(true & guessed) / len(guessed) if guessed else 0.0)
            if true:
                recalls.append(len(true & guessed) / len(true))
        p, r = np.mean(precisions), np.mean(recalls) if recalls else 0.0
        scores += [p, r, 2 * p * r / (p + r) if p + r else 0.0]
    return scores


def six(metrics):
    values = metrics.as_dict()
    return [values[key] for key in ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1")]


def random_labels(seed, shape=(40, 7), positive=0.3):
    rng = np.random.default_rng(seed)
    targets = rng.random(shape) < positive
    predictions = np.where(rng.random(shape) < 0.7, targets, rng.random(shape) < positive)
    return targets, predictions


@pytest.mark.parametrize(("row", "recall", "precision", "printed"), ROWS)
def test_f1_is_the_harmonic_mean_of_the_printed_means(row, recall, precision, printed):
    # A class or image whose scores are the printed means has exactly the printed means.
    predicted, support = 10_000.0 * recall, 10_000.0 * precision
    correct = predicted * precision / 100
    p, r, f1 = mean_scores(np.array([correct]), np.array([predicted]), np.array([support]))
    assert [100 * p, 100 * r] == pytest.approx([precision, recall])
    error = abs(100 * f1 - printed)
    if row == QUOTED_FROM_ELSEWHERE:
        assert 0.10 < error < 0.12
    else:
        # Half a unit of the last printed digit for each of the three figures, at most.
        one_decimal = all(round(x, 1) == x for x in (recall, precision, printed))
        assert error < (0.1 if one_decimal else 0.01)


LABELS = hnp.arrays(bool, st.shared(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), key="s"))


@given(LABELS, LABELS)
def test_equals_the_loop_over_sets(targets, predictions):
    np.testing.assert_allclose(
        six(multilabel_metrics(targets, predictions)), loop_scores(targets, predictions), atol=1e-12
    )


def test_means_over_images_are_not_micro_averages():
    targets = np.array([[1, 0, 0, 0], [1, 1, 1, 1]])
    predictions = np.array([[1, 0, 0, 0], [1, 0, 0, 0]])
    metrics = multilabel_metrics(targets, predictions)
    assert metrics.image_recall == pytest.approx((1 + 1 / 4) / 2)
    assert metrics.micro_recall == pytest.approx(2 / 5)
    assert metrics.class_recall == pytest.approx(1 / 4)
    assert metrics.class_precision == pytest.approx(1 / 4)
    assert metrics.num_recalled_classes == 1


def test_empty_predictions_and_classes_count_as_zero_precision():
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    predictions = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    metrics = multilabel_metrics(targets, predictions, class_names=["sky", "sea", "map"])
    assert metrics.class_precision == pytest.approx(1 / 3)
    assert metrics.class_recall == pytest.approx((1 / 2 + 0) / 2)
    assert metrics.classes_without_positives == ("map",)
    assert metrics.image_precision == pytest.approx(1 / 3)
    assert metrics.image_recall == pytest.approx(1 / 2)
    assert (metrics.num_unlabelled_images, metrics.num_empty_predictions) == (1, 1)


def test_micro_and_per_class_scores_agree_with_scikit_learn():
    targets, predictions = random_labels(3)
    targets[0, :] = predictions[0, :] = True
    metrics = multilabel_metrics(targets, predictions)
    micro = precision_recall_fscore_support(targets, predictions, average="micro")[:3]
    assert (metrics.micro_precision, metrics.micro_recall, metrics.micro_f1) == pytest.approx(micro)
    expected = precision_recall_fscore_support(targets, predictions)
    for scores, p, r, f1, support in zip(metrics.per_class, *expected, strict=True):
        assert (scores.precision, scores.recall, scores.f1) == pytest.approx((p, r, f1))
        assert scores.support == support
    assert metrics.class_precision == pytest.approx(expected[0].mean())
    assert metrics.class_recall == pytest.approx(expected[1].mean())


def test_mean_average_precision_agrees_with_scikit_learn_ties_included():
    targets, predictions = random_labels(5)
    scores = np.random.default_rng(0).integers(0, 6, targets.shape) / 5
    metrics = multilabel_metrics(targets, predictions, scores)
    expected = average_precision_score(targets, scores, average=None)
    assert [c.average_precision for c in metrics.per_class] == pytest.approx(expected.tolist())
    assert metrics.mean_average_precision == pytest.approx(expected.mean())


def test_classes_without_positives_are_left_out_of_map():
    targets = np.array([[1, 0], [0, 0]])
    scores = np.array([[0.2, 0.9], [0.8, 0.1]])
    metrics = multilabel_metrics(targets, targets, scores)
    assert metrics.mean_average_precision == pytest.approx(0.5)
    assert math.isnan(metrics.per_class[1].average_precision)
    assert metrics.as_dict()["per_class"][1]["average_precision"] is None
    nothing = multilabel_metrics(targets * 0, targets, scores)
    assert nothing.mean_average_precision is None
    assert nothing.class_recall == nothing.image_recall == 0


def test_as_dict_is_json_under_the_papers_names():
    targets, predictions = random_labels(1)
    targets[:, 2] = False
    values = json.loads(
        json.dumps(multilabel_metrics(targets, predictions).as_dict(), allow_nan=False)
    )
    assert list(values)[:12] == [
        *("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1"),
        *("micro-P", "micro-R", "micro-F1", "macro-F1", "mAP", "N+"),
    ]
    f1 = [row["f1"] for row in values["per_class"] if row["f1"] is not None]
    assert values["macro-F1"] == pytest.approx(np.mean(f1))
    assert values["mAP"] is None
    assert values["classes_without_positives"] == ["2"]
    row = values["per_class"][2]
    assert (row["support"], row["recall"], row["f1"]) == (0, None, None)


@pytest.mark.parametrize(
    ("targets", "predictions", "figures"),
    [
        ([[1, 1], [0, 1]], [[1, 0], [0, 1]], (75, 100, 600 / 7, 75, 100, 600 / 7)),
        ([[1, 1, 0], [0, 1, 0]], [[1, 0, 1], [0, 1, 1]], (75, 200 / 3, 1200 / 17, 75, 50, 60)),
    ],
)
def test_the_columns_of_table_1(targets, predictions, figures):
    values = multilabel_metrics(targets, predictions).as_dict()
    shown = [100 * values[name] for name in ("C-R", "C-P", "C-F1", "O-R", "O-P", "O-F1")]
    assert shown == pytest.approx(figures)


def test_per_image_scores_mean_to_the_metrics():
    targets, predictions = random_labels(2)
    targets[3] = False
    scores = per_image_scores(targets, predictions)
    metrics = multilabel_metrics(targets, predictions)
    assert scores.precision.mean() == pytest.approx(metrics.image_precision)
    assert np.isnan(scores.recall[3]) and np.isnan(scores.f1[3])
    assert np.nanmean(scores.recall) == pytest.approx(metrics.image_recall)
    p, r = scores.precision[0], scores.recall[0]
    assert scores.f1[0] == pytest.approx(2 * p * r / (p + r))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_best_threshold_equals_trying_them_all(dtype, monkeypatch):
    monkeypatch.setattr("semreg_tf.metrics.multilabel._IMAGES_AT_ONCE", 7)
    targets, _ = random_labels(8)
    targets[5] = targets[:, 3] = False
    noise = np.random.default_rng(1).normal(0, 0.2, targets.shape)
    # Rounded, so that many values lie exactly on a threshold.
    probabilities = np.round(np.clip(0.3 + 0.3 * targets + noise, 0, 1), 2).astype(dtype)
    grid = np.arange(1, 100) / 100
    tried = [multilabel_metrics(targets, probabilities >= dtype(t)).as_dict()["O-F1"] for t in grid]
    threshold, value = best_threshold(targets, probabilities)
    assert value == pytest.approx(max(tried))
    assert threshold == pytest.approx(grid[int(np.argmax(np.round(tried, 12)))])


def test_best_threshold_takes_a_grid_in_any_order_and_the_lowest_of_equals():
    targets, probabilities = np.array([[1, 0]]), np.array([[0.9, 0.1]])
    assert best_threshold(targets, probabilities, grid=[0.8, 0.3, 0.95]) == (0.3, 1.0)


def test_full_size_is_quick():
    rng = np.random.default_rng(0)
    targets = rng.random((60_000, 81)) < 0.03
    scores = rng.random((60_000, 81), dtype=np.float32)
    start = time.perf_counter()
    multilabel_metrics(targets, scores > 0.95, scores)
    elapsed = time.perf_counter() - start
    # 0.2 s on one core; the margin is for a busy machine.
    assert elapsed < 1.0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"targets": [[2, 0]]}, ValueError, r"`targets` must hold only 0 and 1.*value 2"),
        (
            {"predictions": [[0.7, 0.0]]},
            ValueError,
            r"`predictions` must hold only 0 and 1.*value 0.7",
        ),
        (
            {"predictions": [[np.nan, 0.0]]},
            ValueError,
            r"`predictions` must hold only 0 and 1.*nan",
        ),
        ({"targets": [["a", "b"]]}, TypeError, r"`targets` must hold booleans.*dtype <U1"),
        ({"targets": [1, 0]}, ValueError, r"`targets` must have two axes.*shape \(2,\)"),
        ({"targets": np.zeros((0, 2))}, ValueError, r"at least one each.*shape \(0, 2\)"),
        ({"predictions": [[1, 0, 1]]}, ValueError, r"`predictions` must have the shape of"),
        ({"scores": [[0.1]]}, ValueError, r"`scores` must have the shape of `targets`.*\(1, 1\)"),
        ({"scores": [[0.1, np.nan]]}, ValueError, r"`scores` must not hold NaN.*1 NaN of 2"),
        ({"class_names": ["a"]}, ValueError, r"`class_names` must be 2 different.*1 names"),
        ({"class_names": ["a", "a"]}, ValueError, r"2 names, 1 different"),
    ],
)
def test_errors_name_what_came_in(changes, error, message):
    arguments = {"targets": [[1, 0]], "predictions": [[1, 0]]} | changes
    with pytest.raises(error, match=message):
        multilabel_metrics(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": []}, r"`grid` must hold at least one threshold.*grid=\[\]"),
        ({"grid": [np.nan]}, r"`grid` must hold at least one threshold.*nan"),
        ({"probabilities": [[np.nan, 0.1]]}, r"`probabilities` must not hold NaN"),
    ],
)
def test_threshold_errors_name_what_came_in(changes, message):
    arguments = {"targets": [[1, 0]], "probabilities": [[0.5, 0.1]]} | changes
    with pytest.raises(ValueError, match=message):
        best_threshold(**arguments)
