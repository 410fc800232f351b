"""The validation metrics of phases, which are computed on decoded sequences or concepts."""

from dataclasses import dataclass

from semreg_tf.evaluation.caption_evaluator import CaptionEvaluator
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.evaluator import Evaluation, Evaluator
from semreg_tf.evaluation.likelihood_evaluator import LikelihoodEvaluator
from semreg_tf.evaluation.tag_evaluator import TagEvaluator
from semreg_tf.models.side_information import Part


@dataclass(frozen=True)
class PhaseMetric:
    """One score of an evaluator; higher is better.

    Attributes:
      name: the score's name.
      evaluator: the evaluator that computes it.
      part: the inputs of the evaluated concepts: the image, the user tags, or both.
    """

    name: str
    evaluator: Evaluator
    part: Part = "all"

    @property
    def quantity(self) -> str:
        """The measured quantity; values of the same quantity are comparable between phases."""
        return self.name if self.part == "all" else f"{self.name} of the {self.part}"

    def value(self, evaluation: Evaluation) -> float:
        """Returns the score of an evaluation; 0 if it is undefined."""
        return evaluation.main[self.name] or 0.0


def concept_metric(task: str, part: Part = "all") -> PhaseMetric:
    """Returns the metric of concepts: O-F1 at the best threshold (tags) or mAP (captions)."""
    name = "O-F1" if task == "tags" else "mAP"
    return PhaseMetric(name, ConceptEvaluator(name, part), part)


def sequence_metric(task: str) -> PhaseMetric:
    """Returns the metric of a decoder: O-F1 of greedy tags, or CIDEr of decoded captions."""
    if task == "tags":
        return PhaseMetric("O-F1", TagEvaluator(compares=False))
    return PhaseMetric("CIDEr", CaptionEvaluator(metric_options={"meteor": False}))


def shown_beside(task: str) -> tuple[Evaluator, ...]:
    """Returns the evaluators that are logged with a decoder's metric: perplexity of captions."""
    return (LikelihoodEvaluator(),) if task == "captions" else ()
