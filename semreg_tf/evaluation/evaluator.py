"""The protocol of all evaluators: run on a model and a split, return scores and rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.metrics.bootstrap import Interval


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluator.

    Attributes:
      scores: the scores of each system by name, the model's own system first.
      rows: a function that returns one row of `predictions.jsonl` per image, in the split's order;
        no rows where the evaluator does not score single images.
      intervals: a function that computes each system's 95 % intervals, [low, high], by score.
      warnings: sentences for the reader of the scores.
      combine_threshold: where a tagger's CNN and decoder are combined, the threshold that is best
        on the validation split; otherwise None.
    """

    scores: dict[str, dict[str, Any]]
    rows: Callable[[], Iterable[dict[str, Any]]] = tuple
    intervals: Callable[[], dict[str, dict[str, list[float]]]] = dict
    warnings: list[str] = field(default_factory=list)
    combine_threshold: float | None = None

    @property
    def main(self) -> dict[str, Any]:
        """The scores of the first system; empty where nothing could be scored."""
        return next(iter(self.scores.values()), {})


class Evaluator(Protocol):
    """Scores one output of a model; validation and the evaluation binaries use the same ones."""

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Scores a model on a split of its data set.

        Raises:
          ValueError: the split has no ground truth of this kind.
        """


def as_lists(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Returns intervals as JSON values, [low, high] by the score's name."""
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}
