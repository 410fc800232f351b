"""Where an exported model comes from: what its card and its assets say of the training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Entries of results.json that name folders of the machine a run was evaluated on.
_PLACES = ("evaluated", "cnn", "submission")


@dataclass(frozen=True)
class Provenance:
    """How a model was trained and what it scored; all unknown by default.

    Attributes:
      commit: of the code that trained it.
      stage: "unary", "relational" or "joint".
      step: the checkpoint's number of updates.
      versions: of the libraries it was trained with, by name.
      results: what `results.json` of the run holds.
    """

    commit: str | None = None
    stage: str | None = None
    step: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)

    def portable_results(self) -> dict[str, Any]:
        """Returns the results without the names of folders."""
        return {name: value for name, value in self.results.items() if name not in _PLACES}


@dataclass(frozen=True)
class ScoreComparison:
    """Scores of an export beside those of the run it was made from, on one split.

    Attributes:
      split: the split's name.
      num_images: its images.
      scores: metric -> (the run in float32, the export).
      same_text: share of images with the same best text.
    """

    split: str
    num_images: int
    scores: Mapping[str, tuple[float, float]]
    same_text: float
