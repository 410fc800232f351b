"""One phase of training: what it feeds, trains and minimises, what judges it, when it ends."""

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
    """A group of `annotator.GROUPS` and how fast it learns.

    Attributes:
      name: of the group.
      learning_rate: its first rate, which the schedule lowers.
      weight_decay: of its kernels.
    """

    name: str
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class WarmStart:
    """Weights that may be taken from the work directory of an earlier stage.

    Attributes:
      stage: the earlier stage, by which the directory is given.
      parts: what is taken: "encoder", "head", "decoder".
    """

    stage: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Phase:
    """A run of steps that trains the same weights on the same keys and is judged by one metric.

    Attributes:
      name: shown, logged and stored with each checkpoint.
      steps: after so many the phase ends.
      keys: of the contract, what the pipeline makes.
      trained: the groups that it trains, with their rates.
      section: the stage's config: batch size, optimiser, schedule, clipping, validations, patience.
      loss: what is minimised.
      metric: computed on the validation split; it chooses the phase's best checkpoint and, with
        `section.patience`, the phase's end.
      shown: evaluators whose scores validations show beside the metric.
      captions_per_image: captions sampled of an image; None: all.
      label_metric: of the labels that are listed beside captions; the phase is then judged by the
        sum of both figures.
      warm_starts: earlier stages that its first weights may come from. Without them a phase goes on
        from the weights of the phase before, or from the models' first ones.
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
        """The name of the figure that judges it."""
        if self.label_metric is None:
            return self.metric.name
        return f"{self.metric.name} + {self.label_metric.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of what it trains, of `annotator.GROUPS`."""
        return tuple(group.name for group in self.trained)

    @property
    def sees_images(self) -> bool:
        """Whether it reads pictures, or the features of a CNN that rests."""
        return batch.IMAGE in self.keys or batch.FEATURES in self.keys

    @property
    def reads_captions(self) -> bool:
        """Whether it reads the sequences that the decoder learns."""
        return batch.INPUT_IDS in self.keys

    def validation_is_due(self, steps: int) -> bool:
        """Returns whether the phase is judged after so many of its steps: always after the last."""
        every = self.section.validate_every_steps
        return steps >= self.steps or bool(every and steps % every == 0)

    def save_is_due(self, steps: int) -> bool:
        """Returns whether a checkpoint is written after so many of its steps."""
        return steps % self.section.checkpoint_every_steps == 0

    def end(self, progress: PhaseProgress) -> Literal["steps", "patience"] | None:
        """Returns what ends the phase where it stands, or None where it goes on."""
        if progress.steps >= self.steps:
            return "steps"
        patience = self.section.patience
        return "patience" if patience and progress.without_rise >= patience else None
