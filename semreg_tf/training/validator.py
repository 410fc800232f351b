"""Validation during training: the free-running metric, and what a person sees of it."""

from pathlib import Path

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training import evaluation
from semreg_tf.training.history import append_row
from semreg_tf.training.likelihood import caption_perplexity
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.predictions import predict
from semreg_tf.training.stage_data import StageData
from semreg_tf.training.stages import Phase
from semreg_tf.training.validation_summaries import ValidationSummaries


class Validator:
    """Judges a stage on its validation split and writes what it finds.

    Args:
      config: the experiment.
      stage: "unary", "relational" or "joint".
      annotator: the models.
      data: the splits.
      path: the work directory.
    """

    def __init__(
        self, config: Config, stage: str, annotator: Annotator, data: StageData, path: Path
    ) -> None:
        self._config, self._stage, self._path = config, stage, path
        self._annotator, self._data = annotator, data
        self._summaries = ValidationSummaries(stage, annotator, data, path / "logs")

    def validate(
        self, phase: Phase, step: int, elapsed_secs: float, loss: float, monitor: Monitor
    ) -> tuple[str, float]:
        """Computes the metric that the best checkpoint is chosen by.

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
        if phase.part == "tags":
            # The tag model alone says nothing free-running that could be compared later.
            name, value = "loss", -loss
        else:
            split = self._data.validation
            inputs = self._data.inputs(self._annotator, split, keys)
            made = predict(self._annotator, inputs, split.vocabularies, self._config.decoding)
            name, value = evaluation.validation_metric(self._config, self._stage, made, split)
            monitor.scalars(step, {f"validation/{name}": value, **self._perplexity(phase)})
            monitor.say(f"step {step}: validation {name} {value:.4f}")
            self._summaries.write(phase, step, made, monitor)
        append_row(self._path, step, elapsed_secs, {name: value, "loss": loss})
        return name, value

    def _perplexity(self, phase: Phase) -> dict[str, float]:
        """Returns a caption model's validation perplexity and its log2 by TensorBoard's names."""
        if self._config.data.task != "captions" or batch.INPUT_IDS not in phase.keys:
            return {}
        split = self._data.validation
        inputs = self._data.inputs(self._annotator, split, phase.keys)
        made = caption_perplexity(Ensemble([self._annotator]), [inputs], split.vocabularies)
        return {f"validation/{k}": made[k] for k in ("perplexity", "log2_perplexity")}
