"""Initialisation of the prediction layer's biases from the concepts' training frequencies."""

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import label_bias


def log_odds(counts: np.ndarray, num_images: int) -> np.ndarray:
    """Returns each concept's log odds, (k,) float32, from the number of images with it, (k,).

    Half an image is added to both counts, so that the log odds of concepts of no or all images are
    finite.
    """
    counts = np.asarray(counts, np.float64)
    return np.log((counts + 0.5) / (num_images - counts + 0.5)).astype(np.float32)


def set_log_odds(annotator: Annotator, split: Split, label_split: Split | None = None) -> None:
    """Sets the biases of the image's prediction layer (`concepts.initial_bias`).

    `label_split` is the training split with labels, for captioners that predict labels too.
    """
    if annotator.labels is not None and label_split is not None:
        set_log_odds(annotator.labels, label_split)
    counts = np.bincount(split.encoded.concepts, minlength=annotator.num_concepts)
    bias = log_odds(counts, len(split.annotated_rows))
    if annotator.config.concepts.places.pooling == "noisy_or":
        bias = log_odds_of_one_place(bias, annotator.num_places)
    label_bias(annotator.config, annotator.head).assign(bias)


def log_odds_of_one_place(logits: np.ndarray, num_places: int) -> np.ndarray:
    """Returns the equal logits z of all places whose noisy-or has the given logits, (k,) float32.

    From 1 - P = (1 - p)^n follows softplus(z) = softplus(logit) / n.
    """
    share = np.logaddexp(0.0, np.asarray(logits, np.float64)) / num_places
    return np.log(np.expm1(share)).astype(np.float32)
