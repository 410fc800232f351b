"""Validation during training: the free-running metric, and what a person sees of it."""

from pathlib import Path

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.evaluation.likelihood import caption_perplexity
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training.history import append_row
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.phase import Phase
from semreg_tf.training.stage_data import StageData
from semreg_tf.training.validation_summaries import ValidationSummaries


class Validator:
    """Judges a phase on the validation split and writes what it finds.

    Args:
      config: the experiment.
      annotator: the models.
      data: the splits.
      path: the work directory.
    """

    def __init__(self, config: Config, annotator: Annotator, data: StageData, path: Path) -> None:
        self._config, self._path = config, path
        self._annotator, self._data = annotator, data
        self._summaries = ValidationSummaries(annotator, data, path / "logs")

    def validate(
        self, phase: Phase, step: int, elapsed_secs: float, loss: float, monitor: Monitor
    ) -> tuple[str, float]:
        """Computes the phase's metric, by which its best checkpoint and its end are chosen.

        Args:
          phase: what is being trained.
          step: updates done.
          elapsed_secs: of training.
          loss: of the last step.
          monitor: where it is shown.

        Returns:
          Its name and value; higher is better.
        """
        keys = tuple(k for k in phase.keys if k not in batch.SEQUENCE_KEYS)
        split = self._data.validation
        inputs = self._data.inputs(self._annotator, split, keys)
        predictions = phase.metric.predict(self._annotator, inputs, self._config.decoding)
        name, value = phase.metric.name, phase.metric.score(predictions, split)
        monitor.scalars(step, {f"validation/{name}": value, **self._perplexity(phase)})
        monitor.say(f"step {step}: validation {name} {value:.4f}")
        self._summaries.write(phase, step, predictions, monitor)
        row = {"phase": phase.name, name: value, "loss": loss}
        append_row(self._path, step, elapsed_secs, row)
        return name, value

    def _perplexity(self, phase: Phase) -> dict[str, float]:
        """Returns a caption model's validation perplexity and its log2 by TensorBoard's names."""
        if self._config.data.task != "captions" or not phase.reads_captions:
            return {}
        split = self._data.validation
        inputs = self._data.inputs(self._annotator, split, phase.keys)
        made = caption_perplexity(Ensemble([self._annotator]), [inputs], split.vocabularies)
        return {f"validation/{k}": made[k] for k in ("perplexity", "log2_perplexity")}
