"""The progress of a stage and its phases, which checkpoints store as JSON."""

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from semreg_tf.config_io import first_difference

logger = logging.getLogger(__name__)


class Planned(Protocol):
    """The fields of a `phase.Phase` that are read here."""

    name: str
    steps: int
    metric: Any


@dataclass
class PhaseProgress:
    """The progress of one phase.

    Attributes:
      name: the phase's name.
      steps: number of updates done.
      metric: name of its validation metric; None before the first validation.
      best_value: the highest value of that metric so far.
      without_rise: number of validations since then.
      ended: the reason for its end, "steps" or "patience"; None: it has not ended.
      planned: the maximum number of updates when it last went on; None: not noted (earlier
        versions).
    """

    name: str
    steps: int = 0
    metric: str | None = None
    best_value: float | None = None
    without_rise: int = 0
    ended: str | None = None
    planned: int | None = None

    def judge(self, metric: str, value: float) -> None:
        """Adds the result of a validation."""
        rose = self.best_value is None or value > self.best_value
        self.metric = metric
        self.without_rise = 0 if rose else self.without_rise + 1
        self.best_value = value if rose else self.best_value


@dataclass
class Progress:
    """The progress of a stage.

    Attributes:
      elapsed_secs: seconds of training, without validation and writing.
      quantity: `PhaseMetric.quantity` by which the best checkpoint was chosen.
      best_value: its highest value in all phases with that quantity.
      phases: the phases that have begun, in order; the last is the current one.
      conditions: what the value of the last validation depended on besides the weights; None: not
        noted (earlier versions).
    """

    elapsed_secs: float = 0.0
    quantity: str | None = None
    best_value: float | None = None
    phases: list[PhaseProgress] = field(default_factory=list)
    conditions: dict[str, Any] | None = None

    @property
    def step(self) -> int:
        """Number of updates done in all phases."""
        return sum(phase.steps for phase in self.phases)

    def begin(self, phase: Planned) -> PhaseProgress:
        """Returns the progress of a phase, which is added if it has not begun."""
        if not self.phases or self.phases[-1].name != phase.name:
            self.phases.append(PhaseProgress(phase.name))
        self.phases[-1].planned = phase.steps
        return self.phases[-1]

    def judge(
        self, phase: Planned, name: str, value: float, conditions: dict[str, Any] | None = None
    ) -> bool:
        """Adds the result of a validation; returns whether it is the best of the stage.

        Patience depends on the best value of the phase. The best checkpoint is chosen among all
        phases with the same quantity; when the quantity changes, the choice starts again. Where a
        resumed run validates under other conditions, both start again.

        Args:
          phase: the current phase.
          name: the metric's name.
          value: its value.
          conditions: what the value depends on besides the weights, as JSON values.
        """
        change = self.conditions and first_difference(self.conditions, conditions)
        if change:
            logger.info(
                "Validations differ in %s (%s, before %s): best value and patience start again",
                *(change[0], change[2], change[1]),
            )
            self.best_value = self.phases[-1].best_value = None
        self.conditions = conditions
        self.phases[-1].judge(name, value)
        if phase.metric.quantity != self.quantity:
            self.quantity, self.best_value = phase.metric.quantity, None
        rose = self.best_value is None or value > self.best_value
        self.best_value = value if rose else self.best_value
        return rose

    def remaining(self, phases: Sequence[Planned]) -> Iterable[Planned]:
        """Returns the current phase and those after it.

        Raises:
          ValueError: the current phase has no steps now, or one before it has other steps.
        """
        if not self.phases:
            return phases
        *before, current = self.phases
        steps = {phase.name: phase.steps for phase in phases}
        if current.name not in steps:
            raise ValueError(
                f"`steps` must be above 0 for the phase {current.name!r}, at which the run stands. "
                "Received: steps=0"
            )
        index = list(steps).index(current.name)
        then = {phase.name: phase.planned for phase in before}
        for name in [*then, *list(steps)[:index]]:
            planned = then.get(name, 0)
            if planned is not None and planned != steps.get(name, 0):
                raise ValueError(
                    f"`steps` must stay {planned} for the phase {name!r}: the phase "
                    f"{current.name!r} after it has begun. Received: steps={steps.get(name, 0)}"
                )
        return phases[index:]

    def to_state(self) -> dict[str, Any]:
        """Returns JSON values for a checkpoint's state."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any], phases: Sequence[Planned]) -> "Progress":
        """Reads the result of `to_state`, or the state of a checkpoint of an earlier version.

        Args:
          state: the state of a checkpoint.
          phases: the stage's phases. In earlier versions, all phases ended after their planned
            steps, so the phase follows from the step.
        """
        if "phases" in state:
            begun = [PhaseProgress(**phase) for phase in state["phases"]]
            fields = (state[name] for name in ("elapsed_secs", "quantity", "best_value"))
            return cls(*fields, begun, state.get("conditions"))
        progress, remaining, last = cls(state["elapsed_secs"]), state["step"], None
        for phase in phases:
            if not remaining:
                break
            last, current = phase, progress.begin(phase)
            current.steps = remaining if phase is phases[-1] else min(remaining, phase.steps)
            remaining -= current.steps
        if last is not None:
            current = progress.phases[-1]
            current.best_value = progress.best_value = state["best_value"]
            current.without_rise = state["without_rise"]
            progress.quantity = last.metric.quantity
        return progress
