"""Where the prediction layer's biases begin: at the concepts' frequencies in the training split."""

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import label_bias


def log_odds(counts: np.ndarray, num_images: int) -> np.ndarray:
    """Returns the logits of the shares of images that have a concept.

    Half an image is added on both sides, so that a concept of no or of every image stays finite.

    Args:
      counts: images with each concept, (k,).
      num_images: of all.

    Returns:
      (k,) float32.
    """
    counts = np.asarray(counts, np.float64)
    return np.log((counts + 0.5) / (num_images - counts + 0.5)).astype(np.float32)


def set_log_odds(annotator: Annotator, split: Split, label_split: Split | None = None) -> None:
    """Sets the biases of the image's prediction layer (`concepts.initial_bias`).

    Args:
      annotator: its head is untrained.
      split: the training split; an image names each of its concepts once.
      label_split: the same of the labels that are listed beside captions.
    """
    if annotator.labels is not None and label_split is not None:
        set_log_odds(annotator.labels, label_split)
    counts = np.bincount(split.encoded.concepts, minlength=annotator.num_concepts)
    bias = log_odds(counts, len(split.annotated_rows))
    if annotator.config.concepts.places.pooling == "noisy_or":
        bias = log_odds_of_one_place(bias, annotator.num_places)
    label_bias(annotator.config, annotator.head).assign(bias)


def log_odds_of_one_place(logits: np.ndarray, num_places: int) -> np.ndarray:
    """Returns the logits of each of so many places whose noisy-or has the given logits.

    1 - P = (1 - p)^n, so softplus(z) is softplus of the given logit by n.

    Args:
      logits: (k,).
      num_places: n.

    Returns:
      (k,) float32.
    """
    share = np.logaddexp(0.0, np.asarray(logits, np.float64)) / num_places
    return np.log(np.expm1(share)).astype(np.float32)
