"""What all evaluators have in common: run on a model and a split, each gives scores and rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.metrics.bootstrap import Interval


@dataclass(frozen=True)
class Evaluation:
    """What an evaluator found.

    Attributes:
      scores: the figures of each system by name, the model's own system first.
      rows: called, it gives one row an image in the split's order, as `predictions.jsonl` holds
        them; none where nothing is said of single images.
      intervals: called, it computes by system the 95 % intervals, [low, high], of some scores.
      warnings: what a reader of the scores must know.
    """

    scores: dict[str, dict[str, Any]]
    rows: Callable[[], Iterable[dict[str, Any]]] = tuple
    intervals: Callable[[], dict[str, dict[str, list[float]]]] = dict
    warnings: list[str] = field(default_factory=list)

    @property
    def main(self) -> dict[str, Any]:
        """The figures of the first system; none where nothing could be scored."""
        return next(iter(self.scores.values()), {})


class Evaluator(Protocol):
    """Judges one thing that a model does; validation and the evaluation binaries run the same."""

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Judges a model on a split.

        Args:
          model: with its data.
          split: one of the model's, with ground truth.

        Returns:
          Scores and rows.

        Raises:
          ValueError: the split has no ground truth of this kind.
        """


def as_lists(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Returns intervals as JSON holds them, [low, high] by the score's name."""
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}
