"""Scores of predictions on a split: the model's own, and the plain CNN's cuts beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from semreg_tf.data.annotations import Annotation
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.targets import multi_hot
from semreg_tf.data.text import SCORED_AS_THEY_ARE, Tokenizer
from semreg_tf.decoding import top_k
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.metrics.captions import CaptionMetrics, caption_metrics
from semreg_tf.metrics.multilabel import multilabel_metrics


def concept_targets(split: Split) -> np.ndarray:
    """Returns the ground truth s of a split, (images, num_concepts) uint8."""
    encoded = split.encoded
    size = len(split.vocabularies.concepts)
    return multi_hot(encoded.concepts, encoded.concept_splits, size).astype(np.uint8)


def sequence_labels(predictions: Predictions, split: Split) -> np.ndarray:
    """Returns the sets of labels that the best sequences hold, (images, num_concepts) uint8.

    A label emitted twice counts once.
    """
    index = split.vocabularies.concepts.index
    made = np.zeros((len(predictions.image_ids), len(index)), np.uint8)
    for row, ranked in enumerate(predictions.sequences):
        for label in ranked[0]:
            made[row, index[label]] = 1
    return made


def top_k_labels(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Returns the k highest labels of each image as 0/1, ties to the lower id (Sec. 4.2)."""
    order = top_k.top_k_labels(probabilities, k).numpy()
    made = np.zeros(probabilities.shape, np.uint8)
    np.put_along_axis(made, order, 1, axis=1)
    return made


def fixed_length_labels(labels: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Returns exactly k labels of each image: the given ones first, then the most probable others.

    Where more than k are given, the k most probable of them stay. So a model that chooses its own
    number of labels is compared with those that give every image as many (ours).

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
    """Returns the CNN's label sets by name: each top k, cut at 0.5, cut at the best threshold.

    Args:
      probabilities: (images, num_concepts).
      ks: labels of an image in the first sets; all, where there are fewer, as in a set of two.
      threshold: of the last set.
      chosen_on: the split on which it is the best, for the set's name.

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
    """Scores label sets by the paper's metrics (Sec. 4.2).

    Args:
      split: the ground truth.
      labels: 0/1 (images, num_concepts).
      probabilities: (images, num_concepts), for mAP alone; None: there is no mAP.

    Returns:
      `MultilabelMetrics.as_dict()`.
    """
    names = split.vocabularies.concepts.names
    return multilabel_metrics(concept_targets(split), labels, probabilities, names).as_dict()


def mean_average_precision(split: Split, probabilities: np.ndarray) -> float | None:
    """Returns the mAP of concept probabilities (images, num_concepts); None without positives."""
    nothing = np.zeros(probabilities.shape, np.uint8)
    return tag_scores(split, nothing, probabilities)["mAP"]


def caption_scores(predictions: Predictions, split: Split, **options: Any) -> CaptionMetrics:
    """Scores the best captions against all of an image's references; see `caption_metrics`.

    Where the data's tokens are not those of the COCO evaluation but a segmenter's or characters,
    the scorer compares these very tokens.

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
    """Refuses a split on which there is nothing to score against.

    Args:
      split: the split.
      task: "captions" or "tags".
      fix: what else the caller's user can do, a sentence.

    Raises:
      ValueError: no image of the split has a caption, or a label.
    """
    what = {"captions": "captions", "tags": "labels"}[task]
    if not any(getattr(annotation, what) for annotation in split.annotations):
        raise ValueError(
            f"`split` must hold images with {what}, or there is nothing to score against. "
            f"{fix + ' ' if fix else ''}Received: split={split.name!r}, {split.num_images:,} "
            f"images without {what}"
        )


def scored_references(annotation: Annotation, tokenizer: Tokenizer) -> list[str]:
    """Returns an image's captions as the scorer reads them: raw, or parted into tokens before."""
    if tokenizer in SCORED_AS_THEY_ARE:
        return [" ".join(tokens) for tokens in annotation.tokens]
    return list(annotation.captions)
