"""Validation during training: runs the evaluators of a phase and logs their scores."""

from pathlib import Path

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, Split
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training.history import append_row
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.phase import Phase
from semreg_tf.training.stage_data import StageData
from semreg_tf.training.validation_summaries import ValidationSummaries

# Scores of the further evaluators that are logged.
_SHOWN = ("perplexity", "log2_perplexity")


class TrainedModel(EvaluatedModel):
    """The models with the inputs of a phase."""

    shows_progress = False

    def __init__(
        self, annotator: Annotator, names: Vocabularies, data: StageData, phase: Phase
    ) -> None:
        super().__init__(annotator.config, names, Ensemble([annotator]), data.builder)
        self._data = data
        self._keys = tuple(k for k in phase.keys if k not in batch.SEQUENCE_KEYS)

    def inputs(self, split: Split, *more: str) -> list[Inputs]:
        """Returns the phase's inputs from a split, without sequences, and with the keys `more`."""
        (annotator,) = self.ensemble.members
        return [self._data.inputs(annotator, split, (*self._keys, *more))]


class Validator:
    """Validates a phase and writes the results to the log and the history."""

    def __init__(self, annotator: Annotator, data: StageData, path: Path) -> None:
        self._annotator, self._data, self._path = annotator, data, path
        self._summaries = ValidationSummaries(annotator, data, path / "logs")

    def validate(
        self, phase: Phase, step: int, elapsed_secs: float, loss: float, monitor: Monitor
    ) -> tuple[str, float]:
        """Returns the name and the value of the phase's metric on the validation split."""
        split = self._data.validation
        model = TrainedModel(self._annotator, split.vocabularies, self._data, phase)
        evaluation = phase.metric.evaluator.run(model, split)
        name, value = phase.metric.name, phase.metric.value(evaluation)
        further = [evaluator.run(model, split).main for evaluator in phase.shown]
        scalars = {name: value, **{k: scores[k] for scores in further for k in _SHOWN}}
        monitor.scalars(step, {f"validation/{k}": v for k, v in scalars.items()})
        monitor.say(f"step {step}: validation {name} {value:.4f}")
        self._summaries.write(phase, step, evaluation, monitor)
        figures = {name: value, **self._of_labels(phase, step, monitor)}
        append_row(self._path, step, elapsed_secs, {"phase": phase.name, **figures, "loss": loss})
        return phase.metric_name, sum(figures.values())

    def _of_labels(self, phase: Phase, step: int, monitor: Monitor) -> dict[str, float]:
        """Returns the metric of the labels that a captioner predicts too, by its name, else {}."""
        metric, split = phase.label_metric, self._data.label_validation
        if metric is None:
            return {}
        labels = self._annotator.for_labels()
        model = TrainedModel(labels, split.vocabularies, self._data, phase)
        value = metric.value(metric.evaluator.run(model, split))
        monitor.scalars(step, {f"validation/label {metric.name}": value})
        monitor.say(f"step {step}: validation {metric.name} of the labels {value:.4f}")
        return {f"label {metric.name}": value}
