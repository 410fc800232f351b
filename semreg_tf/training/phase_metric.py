"""What a phase is judged by on validation data: free-running, never under teacher forcing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, Split, evaluation_batches
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.predictions import Predictions, predict
from semreg_tf.metrics.multilabel import best_threshold
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.phase_loss import LOGITS, Part

BATCH_SIZE = 64


@dataclass(frozen=True)
class PhaseMetric:
    """A figure of predictions on a split; higher is better.

    Attributes:
      name: as it is logged.
      score: (predictions, split) -> the figure.
      sequences: whether the decoder's sequences are judged; False: the concepts, by probability.
      part: whose concept probabilities: of the image, of the user tags, or of both together.
    """

    name: str
    score: Callable[[Predictions, Split], float]
    sequences: bool
    part: Part = "all"

    @property
    def quantity(self) -> str:
        """What is measured: figures of the same quantity compare, in whatever phase."""
        return self.name if self.part == "all" else f"{self.name} of the {self.part}"

    def predict(
        self, annotator: Annotator, inputs: Inputs, decoding: DecodingConfig
    ) -> Predictions:
        """Annotates a split with what the phase trains.

        Args:
          annotator: the models.
          inputs: of the split.
          decoding: how sequences are searched.

        Returns:
          One prediction an image; without sequences where they are not judged.
        """
        if self.part != "all":
            return _part_predictions(annotator, inputs, self.part)
        return predict(
            annotator,
            inputs,
            inputs.split.vocabularies,
            decoding,
            with_sequences=self.sequences,
        )


def concept_metric(task: str, part: Part = "all") -> PhaseMetric:
    """Returns what judges the concepts: O-F1 at the best threshold (tags), mAP (captions)."""
    if task == "tags":
        return PhaseMetric("O-F1", _best_cut, sequences=False, part=part)
    return PhaseMetric("mAP", _mean_average_precision, sequences=False, part=part)


def sequence_metric(task: str) -> PhaseMetric:
    """Returns what judges the decoder: O-F1 of greedy tags, CIDEr of searched captions."""
    if task == "tags":
        return PhaseMetric("O-F1", _sequence_f1, sequences=True)
    return PhaseMetric("CIDEr", _cider, sequences=True)


def _best_cut(predictions: Predictions, split: Split) -> float:
    targets = scoring.concept_targets(split)
    return best_threshold(targets, predictions.concept_probabilities)[1]


def _mean_average_precision(predictions: Predictions, split: Split) -> float:
    probabilities = predictions.concept_probabilities
    no_labels = np.zeros(probabilities.shape, np.uint8)
    return scoring.tag_scores(split, no_labels, probabilities)["mAP"] or 0.0


def _sequence_f1(predictions: Predictions, split: Split) -> float:
    labels = scoring.sequence_labels(predictions, split)
    return scoring.tag_scores(split, labels, predictions.concept_probabilities)["O-F1"]


def _cider(predictions: Predictions, split: Split) -> float:
    return scoring.caption_scores(predictions, split, meteor=False).scores["CIDEr"]


def _part_predictions(annotator: Annotator, inputs: Inputs, part: Part) -> Predictions:
    """Returns the concept probabilities of the image's or the user tags' own logits."""

    @tf.function(reduce_retracing=True)
    def probabilities_of(tensors: dict[str, tf.Tensor]) -> tf.Tensor:
        if part == "tags":
            outputs = annotator.tag_model({"user_tags": tensors[batch.USER_TAGS]})
        else:
            outputs = annotator.encode(tensors)
        return tf.sigmoid(outputs[LOGITS[part]])

    image_ids, rows = [], []
    for tensors in evaluation_batches(inputs, BATCH_SIZE):
        image_ids += [x.decode() for x in tensors.pop(batch.IMAGE_ID).numpy()]
        rows.append(probabilities_of(tensors).numpy())
    return Predictions(image_ids, [], [], np.concatenate(rows))
