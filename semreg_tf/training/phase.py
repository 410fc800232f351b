"""A phase of training: its inputs, trained groups, loss, validation metric and end."""

from dataclasses import dataclass
from typing import Literal

from semreg_tf.config import StageConfig
from semreg_tf.data import batch
from semreg_tf.evaluation.evaluator import Evaluator
from semreg_tf.training.phase_loss import PhaseLoss
from semreg_tf.training.phase_metric import PhaseMetric
from semreg_tf.training.progress import PhaseProgress


@dataclass(frozen=True)
class TrainedGroup:
    """A group of `annotator.GROUPS` with its learning rate and weight decay."""

    name: str
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class WarmStart:
    """Weights that may be restored from the work directory of an earlier stage.

    Attributes:
      stage: the earlier stage.
      parts: the restored parts: "encoder", "head", "decoder".
    """

    stage: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Phase:
    """A sequence of steps that train the same groups with the same inputs, loss and metric.

    Attributes:
      name: the phase's name in logs and checkpoints.
      steps: maximum number of steps.
      keys: the keys of its batches, of `semreg_tf.data.batch`.
      trained: the trained groups with their learning rates.
      section: the stage's config: batch size, optimiser, schedule, clipping, validations, patience.
      loss: the loss.
      metric: the validation metric. It chooses the best checkpoint and, with `section.patience`,
        may end the phase.
      shown: evaluators whose scores are logged with the metric.
      captions_per_image: number of captions sampled per image; None: all.
      warm_starts: earlier stages from which initial weights may be restored. Otherwise a phase
        continues with the weights of the previous phase, or with the models' initial weights.
      label_metric: the metric of the labels that a captioner predicts too; the phase's value is
        then the sum of both metrics.
    """

    name: str
    steps: int
    keys: tuple[str, ...]
    trained: tuple[TrainedGroup, ...]
    section: StageConfig
    loss: PhaseLoss
    metric: PhaseMetric
    shown: tuple[Evaluator, ...] = ()
    captions_per_image: int | None = None
    warm_starts: tuple[WarmStart, ...] = ()
    label_metric: PhaseMetric | None = None

    @property
    def metric_name(self) -> str:
        """The name of the validation metric."""
        if self.label_metric is None:
            return self.metric.name
        return f"{self.metric.name} + {self.label_metric.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the trained groups."""
        return tuple(group.name for group in self.trained)

    @property
    def sees_images(self) -> bool:
        """Whether it reads images, or cached features of a frozen CNN."""
        return batch.IMAGE in self.keys or batch.FEATURES in self.keys

    @property
    def reads_captions(self) -> bool:
        """Whether it reads the target sequences of the decoder."""
        return batch.INPUT_IDS in self.keys

    def validation_is_due(self, steps: int) -> bool:
        """Returns whether to validate after so many steps of the phase; always after the last."""
        every = self.section.validate_every_steps
        return steps >= self.steps or bool(every and steps % every == 0)

    def save_is_due(self, steps: int) -> bool:
        """Returns whether to write a checkpoint after so many steps of the phase."""
        return steps % self.section.checkpoint_every_steps == 0

    def end(self, progress: PhaseProgress) -> Literal["steps", "patience"] | None:
        """Returns the reason for which the phase ends now, or None if it continues."""
        if progress.steps >= self.steps:
            return "steps"
        patience = self.section.patience
        return "patience" if patience and progress.without_rise >= patience else None
