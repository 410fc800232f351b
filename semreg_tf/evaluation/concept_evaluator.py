"""Scores of the concept probabilities, without a decoder."""

from dataclasses import dataclass
from typing import Literal

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation
from semreg_tf.evaluation.prediction_rows import prediction_rows
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.models.side_information import Part


@dataclass(frozen=True)
class ConceptEvaluator:
    """Scores the concepts predicted from the image, from the user tags, or from both.

    Attributes:
      metric: "O-F1" at the threshold that is best on the split, with that "threshold"; or "mAP"
        (None where no class has a positive).
      part: which logits give the probabilities: of the image, of the user tags, or of both.
    """

    metric: Literal["O-F1", "mAP"]
    part: Part = "all"

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Scores the probabilities; see `Evaluator.run`."""
        probabilities = model.concept_probabilities(split, self.part)
        if self.metric == "mAP":
            scores = {"mAP": scoring.mean_average_precision(split, probabilities)}
        else:
            threshold, value = scoring.threshold_of(split, probabilities)
            scores = {"O-F1": value, "threshold": threshold}
        image_ids = [annotation.image_id for annotation in split.annotations]
        predictions = Predictions(image_ids, [], [], probabilities)
        return Evaluation({"CNN": scores}, lambda: prediction_rows(model, split, predictions))
