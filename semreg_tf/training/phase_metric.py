"""What a phase is judged by on validation data: free-running, never under teacher forcing."""

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
      name: of the score, as it is logged.
      evaluator: what computes it.
      part: whose concepts are judged: of the image, of the user tags, or of both together.
    """

    name: str
    evaluator: Evaluator
    part: Part = "all"

    @property
    def quantity(self) -> str:
        """What is measured: figures of the same quantity compare, in whatever phase."""
        return self.name if self.part == "all" else f"{self.name} of the {self.part}"

    def value(self, evaluation: Evaluation) -> float:
        """Returns the score of what the evaluator found; 0 where it is undefined."""
        return evaluation.main[self.name] or 0.0


def concept_metric(task: str, part: Part = "all") -> PhaseMetric:
    """Returns what judges the concepts: O-F1 at the best threshold (tags), mAP (captions)."""
    name = "O-F1" if task == "tags" else "mAP"
    return PhaseMetric(name, ConceptEvaluator(name, part), part)


def sequence_metric(task: str) -> PhaseMetric:
    """Returns what judges the decoder: O-F1 of greedy tags, CIDEr of searched captions."""
    if task == "tags":
        return PhaseMetric("O-F1", TagEvaluator(compares=False))
    return PhaseMetric("CIDEr", CaptionEvaluator(metric_options={"meteor": False}))


def shown_beside(task: str) -> tuple[Evaluator, ...]:
    """Returns what validations of a decoder show beside its metric: the perplexity of captions."""
    return (LikelihoodEvaluator(),) if task == "captions" else ()
