"""The provenance of an exported model, for its card and assets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Entries of results.json with folders of the machine where the run was evaluated.
_PLACES = ("evaluated", "cnn", "submission")
# The entry of an export's results that stands for the folder of the CNN.
_OTHER_CNN = "has_other_cnn"


@dataclass(frozen=True)
class Provenance:
    """How a model was trained, and its scores; everything is unknown by default.

    Attributes:
      commit: commit of the training code.
      stage: "unary", "relational" or "joint".
      step: number of updates of the checkpoint.
      versions: library -> version used in training.
      results: the contents of the run's `results.json`.
      started_from_model: whether the stage began with the weights of another run or export.
      reward_steps: number of updates by the CIDEr of sampled captions, which were the last.
      left_out: what the scores in the work directory are of, where they are not this model's.
    """

    commit: str | None = None
    stage: str | None = None
    step: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    started_from_model: bool = False
    reward_steps: int = 0
    left_out: str = ""

    @property
    def has_other_cnn(self) -> bool:
        """Whether the rows of the CNN alone are another model's, compared beside it."""
        places = ("", *self.results.get("evaluated", []))
        return self.results.get(_OTHER_CNN, self.results.get("cnn", "") not in places)

    def portable_results(self) -> dict[str, Any]:
        """Returns the results without folder names, to be read again as `results`."""
        results = {name: value for name, value in self.results.items() if name not in _PLACES}
        return {**results, _OTHER_CNN: True} if self.has_other_cnn else results


@dataclass(frozen=True)
class ScoreComparison:
    """Scores of an export and of its run on one split.

    Attributes:
      split: the split's name.
      num_images: number of its images.
      scores: metric -> (the run in float32, the export).
      same_text: share of images with the same best text.
    """

    split: str
    num_images: int
    scores: Mapping[str, tuple[float, float]]
    same_text: float
