"""Options of a trainer: warm starts, devices, profile."""

from dataclasses import dataclass
from pathlib import Path

from semreg_tf.training.distribution import Distribution


@dataclass(frozen=True, kw_only=True)
class TrainerOptions:
    """The sources of initial weights, and the devices of training.

    Attributes:
      unary: work directory of the unary stage to start from, or None. The relational stage only
        uses it if it reads features of the CNN.
      relational: work directory of the relational stage to start from, or None.
      init_from: work directory or export of another model, whose encoder and rows of matching names
        are copied before the warm starts, or None.
      distribution: the devices and workers that share a step; None: this process's first device.
      profile: steps (first, last) of a TensorBoard trace, or None.
    """

    unary: str | Path | None = None
    relational: str | Path | None = None
    init_from: str | Path | None = None
    distribution: Distribution | None = None
    profile: tuple[int, int] | None = None

    @property
    def warm_starts(self) -> dict[str, str | Path | None]:
        """Earlier stage -> its work directory or None."""
        return {"unary": self.unary, "relational": self.relational}
