"""Scores of predictions on a split: captions, label sets, and label sets of the CNN alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from semreg_tf.data.annotations import Annotation
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.targets import multi_hot
from semreg_tf.data.text import SCORED_AS_THEY_ARE, Tokenizer
from semreg_tf.decoding import top_k
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.metrics.bootstrap import Interval, multilabel_intervals
from semreg_tf.metrics.captions import CaptionMetrics, caption_metrics
from semreg_tf.metrics.multilabel import best_threshold, multilabel_metrics


def concept_targets(split: Split) -> np.ndarray:
    """Returns the ground truth s of a split, (images, num_concepts) uint8."""
    encoded = split.encoded
    size = len(split.vocabularies.concepts)
    return multi_hot(encoded.concepts, encoded.concept_splits, size).astype(np.uint8)


def truth_and(split: Split, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ground truth and `values` of the images that are scored.

    Images without captions, or whose labels are not known, are left out.

    Args:
      split: the split.
      values: labels or probabilities of all its images, (images, num_concepts).

    Returns:
      Both are (scored images, num_concepts).
    """
    rows = split.encoded.annotated_rows
    return concept_targets(split)[rows], values[rows]


def threshold_of(
    split: Split, probabilities: np.ndarray, grid: ArrayLike | None = None
) -> tuple[float, float]:
    """Returns the threshold with the highest O-F1 on a split, and this O-F1; see `best_threshold`.

    Args:
      split: the split that the threshold is chosen on.
      probabilities: (images, num_concepts).
      grid: thresholds to try, (thresholds,), or None.

    Raises:
      ValueError: no image of the split has a label or a concept.
    """
    if not len(split.encoded.concepts):
        raise ValueError(
            "`split` must hold images with labels, or a threshold cannot be chosen on it. "
            f"Received: split={split.name!r}, {split.num_images:,} images without labels"
        )
    return best_threshold(*truth_and(split, probabilities), grid)


def sequence_labels(predictions: Predictions, split: Split) -> np.ndarray:
    """Returns the set of labels in each best sequence as 0/1, (images, num_concepts) uint8."""
    index = split.vocabularies.concepts.index
    labels = np.zeros((len(predictions.image_ids), len(index)), np.uint8)
    for row, ranked in enumerate(predictions.sequences):
        for label in ranked[0]:
            labels[row, index[label]] = 1
    return labels


def top_k_labels(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Returns the k highest labels of each image as 0/1, ties to the lower id (Sec. 4.2)."""
    order = top_k.top_k_labels(probabilities, k).numpy()
    labels = np.zeros(probabilities.shape, np.uint8)
    np.put_along_axis(labels, order, 1, axis=1)
    return labels


def fixed_length_labels(labels: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Returns exactly k labels of each image: predicted ones first, then the most probable others.

    Of more than k predicted labels the k most probable remain. This compares a model that chooses
    the number of labels with models that predict k for every image (ours).

    Args:
      labels: 0/1 (images, num_concepts).
      probabilities: (images, num_concepts).
      k: labels of an image.

    Returns:
      0/1 (images, num_concepts) uint8.
    """
    return top_k_labels(probabilities + 2.0 * labels, k)


def cnn_cuts(
    probabilities: np.ndarray,
    ks: Sequence[int],
    threshold: float,
    chosen_on: str = "validation",
) -> dict[str, np.ndarray]:
    """Returns the CNN's label sets by name: top k for each k, cut at 0.5, cut at `threshold`.

    Args:
      probabilities: (images, num_concepts).
      ks: numbers of labels of the top-k sets, at most all concepts.
      threshold: lowest probability of a label in the last set.
      chosen_on: the split that the threshold was chosen on, for the set's name.

    Returns:
      0/1 arrays (images, num_concepts) uint8.
    """
    lengths = dict.fromkeys(min(k, probabilities.shape[1]) for k in ks)
    return {
        **{f"CNN top {k}": top_k_labels(probabilities, k) for k in lengths},
        "CNN cut at 0.5": (probabilities >= 0.5).astype(np.uint8),
        f"CNN cut at {threshold:.2f} (best on {chosen_on})": (probabilities >= threshold).astype(
            np.uint8
        ),
    }


def tag_scores(
    split: Split, labels: np.ndarray, probabilities: np.ndarray | None
) -> dict[str, Any]:
    """Returns `MultilabelMetrics.as_dict()` of label sets (Sec. 4.2).

    `labels` are 0/1 and `probabilities`, for mAP, floats or None; both are (images, num_concepts).
    """
    targets, labels = truth_and(split, labels)
    if probabilities is not None:
        _, probabilities = truth_and(split, probabilities)
    names = split.vocabularies.concepts.names
    return multilabel_metrics(targets, labels, probabilities, names).as_dict()


def label_intervals(split: Split, labels: np.ndarray) -> dict[str, Interval]:
    """Returns the intervals of label sets, 0/1 (images, num_concepts); `multilabel_intervals`."""
    return multilabel_intervals(*truth_and(split, labels))


def mean_average_precision(split: Split, probabilities: np.ndarray) -> float | None:
    """Returns the mAP of concept probabilities (images, num_concepts); None without positives."""
    if not len(split.encoded.annotated_rows):
        return None
    no_labels = np.zeros(probabilities.shape, np.uint8)
    return tag_scores(split, no_labels, probabilities)["mAP"]


def caption_scores(predictions: Predictions, split: Split, **options: Any) -> CaptionMetrics:
    """Scores each image's best caption against its references; see `caption_metrics`.

    If the data set's tokens are a segmenter's or characters, the scorer compares these tokens
    instead of the COCO evaluation's.

    Raises:
      ValueError: the split has no captions.
    """
    check_annotated(split, "captions")
    if split.tokenizer in SCORED_AS_THEY_ARE:
        options = {**options, "tokenizer": "blanks"}
    references = {
        a.image_id: scored_references(a, split.tokenizer) for a in split.annotations if a.captions
    }
    hypotheses = {
        image_id: " ".join(ranked[0])
        for image_id, ranked in zip(predictions.image_ids, predictions.sequences, strict=True)
        if image_id in references
    }
    return caption_metrics(references, hypotheses, **options)


def check_annotated(split: Split, task: str, fix: str = "") -> None:
    """Refuses a split without ground truth.

    Args:
      split: the split.
      task: "captions" or "tags".
      fix: a sentence for the error that tells the user another way, or "".

    Raises:
      ValueError: no image of the split has a caption, or a label.
    """
    field = {"captions": "captions", "tags": "labels"}[task]
    if not any(getattr(annotation, field) for annotation in split.annotations):
        raise ValueError(
            f"`split` must hold images with {field}, or there is nothing to score against. "
            f"{fix + ' ' if fix else ''}Received: split={split.name!r}, {split.num_images:,} "
            f"images without {field}"
        )


def scored_references(annotation: Annotation, tokenizer: Tokenizer) -> list[str]:
    """Returns an image's captions for the scorer: raw, or with blanks between their tokens."""
    if tokenizer in SCORED_AS_THEY_ARE:
        return [" ".join(tokens) for tokens in annotation.tokens]
    return list(annotation.captions)
