"""Rows of `predictions.jsonl`: ground truth and predictions of one image each."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.text.function_words import content_first, words_shown_last

TOP_CONCEPTS = 10


def prediction_rows(
    model: EvaluatedModel, split: Split, predictions: Predictions
) -> Iterator[dict[str, Any]]:
    """Yields one row per image, in the split's order."""
    names, counts = model.vocabularies.concepts.names, model.vocabularies.concepts.counts
    counts_by_name = dict(zip(names, counts, strict=True))
    data = model.config.data
    shown_last = words_shown_last(data.task, data.labels_from, data.function_words)
    tags = data.task == "tags"
    separator = ", " if tags else " "
    for i, annotation in enumerate(split.annotations):
        probabilities = predictions.concept_probabilities[i]
        ranked = predictions.sequences[i] if predictions.sequences else []
        scores = predictions.scores[i] if predictions.sequences else []
        yield {
            "image_id": annotation.image_id,
            "file_name": annotation.file_name,
            # The supplement's figures show the human labels rare first.
            "labels": sorted(annotation.labels, key=lambda n: (counts_by_name.get(n, 0), n)),
            "captions": list(annotation.captions),
            "n_best": [
                [separator.join(words), score] for words, score in zip(ranked, scores, strict=True)
            ],
            # For programs; a label may hold the comma that joins the texts of `n_best`.
            **({"n_best_labels": [list(labels) for labels in ranked]} if tags else {}),
            "concepts": [
                [names[j], round(float(probabilities[j]), 4)]
                for j in content_first(names, probabilities, shown_last)[:TOP_CONCEPTS]
            ],
        }


def by_score(probabilities: np.ndarray) -> np.ndarray:
    """Returns ids by falling probability, ties by id."""
    return np.argsort(-probabilities, kind="stable")
