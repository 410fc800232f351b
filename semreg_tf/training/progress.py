"""How far a stage has come, phase by phase: the part of a checkpoint that is not a tensor."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Planned(Protocol):
    """What is read here of a `phase.Phase`."""

    name: str
    steps: int
    metric: Any


@dataclass
class PhaseProgress:
    """How far one phase has come.

    Attributes:
      name: the phase's.
      steps: updates it has taken.
      metric: name of the metric that judges it, once it was validated.
      best_value: the highest value of that metric so far.
      without_rise: validations since then.
      ended: what ended it, "steps" or "patience"; None: it goes on.
    """

    name: str
    steps: int = 0
    metric: str | None = None
    best_value: float | None = None
    without_rise: int = 0
    ended: str | None = None

    def judge(self, metric: str, value: float) -> None:
        """Notes a validation."""
        rose = self.best_value is None or value > self.best_value
        self.metric = metric
        self.without_rise = 0 if rose else self.without_rise + 1
        self.best_value = value if rose else self.best_value


@dataclass
class Progress:
    """How far a stage has come.

    Attributes:
      elapsed_secs: of training; validations and writing are not in it.
      quantity: what the best checkpoint was judged by, of `PhaseMetric.quantity`.
      best_value: the highest value of it, in all phases that are judged by it.
      phases: those that have begun, in order; the last is the current one.
    """

    elapsed_secs: float = 0.0
    quantity: str | None = None
    best_value: float | None = None
    phases: list[PhaseProgress] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Updates taken in all phases."""
        return sum(phase.steps for phase in self.phases)

    def begin(self, phase: Planned) -> PhaseProgress:
        """Returns the progress of a phase, which begins now where it had not begun."""
        if not self.phases or self.phases[-1].name != phase.name:
            self.phases.append(PhaseProgress(phase.name))
        return self.phases[-1]

    def judge(self, phase: Planned, name: str, value: float) -> bool:
        """Notes a validation; returns whether the stage has no better checkpoint.

        Patience asks the phase's own best value. The checkpoint is chosen among all phases that are
        judged by the same quantity; where the quantity changes, the choice begins anew.
        """
        self.phases[-1].judge(name, value)
        if phase.metric.quantity != self.quantity:
            self.quantity, self.best_value = phase.metric.quantity, None
        rose = self.best_value is None or value > self.best_value
        self.best_value = value if rose else self.best_value
        return rose

    def remaining(self, phases: Sequence[Planned]) -> Iterable[Planned]:
        """Returns the current phase and those after it: a phase that was followed is over."""
        names = [phase.name for phase in phases]
        current = self.phases[-1].name if self.phases else None
        return phases[names.index(current) :] if current in names else phases

    def to_state(self) -> dict[str, Any]:
        """Returns JSON values for a checkpoint's state."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any], phases: Sequence[Planned]) -> "Progress":
        """Reads what `to_state` wrote, or the state of a checkpoint from before it was written.

        Args:
          state: of a checkpoint.
          phases: the stage's, with the steps that earlier checkpoints took them to have: phases
            began and ended at planned steps.
        """
        if "phases" in state:
            begun = [PhaseProgress(**phase) for phase in state["phases"]]
            fields = (state[name] for name in ("elapsed_secs", "quantity", "best_value"))
            return cls(*fields, begun)
        progress, left, reached = cls(state["elapsed_secs"]), state["step"], None
        for phase in phases:
            if not left:
                break
            reached, current = phase, progress.begin(phase)
            current.steps = left if phase is phases[-1] else min(left, phase.steps)
            left -= current.steps
        if reached is not None:
            current = progress.phases[-1]
            current.best_value = progress.best_value = state["best_value"]
            current.without_rise = state["without_rise"]
            progress.quantity = reached.metric.quantity
        return progress
