"""What a trainer may be told beside the experiment, its stage and its folders."""

from dataclasses import dataclass
from pathlib import Path

from semreg_tf.training.distribution import Distribution


@dataclass(frozen=True, kw_only=True)
class TrainerOptions:
    """Where first weights come from, and what the steps run on.

    Attributes:
      unary: work directory of the unary stage to start from, or None; the relational stage has
        use for one only where it reads the features of that CNN.
      relational: work directory of the relational stage to start from, or None.
      init_from: work directory or export of any model whose encoder and matching names are taken
        first.
      distribution: the devices and workers that share a step; None: this process's first device.
      profile: steps (first, last) of which TensorBoard gets a trace, or None.
    """

    unary: str | Path | None = None
    relational: str | Path | None = None
    init_from: str | Path | None = None
    distribution: Distribution | None = None
    profile: tuple[int, int] | None = None

    @property
    def warm_starts(self) -> dict[str, str | Path | None]:
        """Earlier stages, each with its work directory or None."""
        return {"unary": self.unary, "relational": self.relational}
