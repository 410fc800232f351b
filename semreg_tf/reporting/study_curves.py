"""A study's learning curves: the joint stage's validations against steps and against time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_METRICS = ("CIDEr", "O-F1")


@dataclass(frozen=True)
class ValidationLine:
    """One system from one seed: values against steps on images and minutes of training."""

    system: str
    steps: list[int]
    minutes: list[float]
    values: list[float]


def write_curves(records: Sequence[dict[str, Any]], folder: str | Path) -> list[Path]:
    """Draws each task's validation metric against the steps and minutes of the whole training.

    Steps and minutes of the earlier stages are added in front of the joint stage's, whether they
    were this system's own or taken from another, so that systems of one stage compare.

    Args:
      records: as `training.study_records` writes them; of a unary stage `cached_steps`, where it
        is given, saw cached features in place of images.
      folder: where `curves_<metric>.svg` go.

    Returns:
      The files written; none where no record has such a metric.
    """
    # Costs a second, and tables alone do not need it.
    from matplotlib.figure import Figure

    written = []
    for metric in _METRICS:
        lines = validation_lines(records, metric)
        if not lines:
            continue
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        axes = figure.subplots(1, 2)
        colours: dict[str, str] = {}
        for line in lines:
            label = None if line.system in colours else line.system
            colour = colours.setdefault(line.system, f"C{len(colours) % 10}")
            for ax, xs in zip(axes, (line.steps, line.minutes), strict=True):
                ax.plot(xs, line.values, "o-", ms=3, lw=1.2, color=colour, label=label)
        for ax, x_title in zip(axes, ("steps on images", "minutes of training"), strict=True):
            ax.set(xlabel=x_title, ylabel=f"{metric} on validation")
            ax.grid(alpha=0.3)
        axes[0].legend(fontsize=8)
        path = Path(folder) / f"curves_{metric}.svg"
        figure.savefig(path, metadata={"Date": None})
        written.append(path)
    return written


def validation_lines(records: Sequence[dict[str, Any]], metric: str) -> list[ValidationLine]:
    """Returns a line for each record whose joint stage was validated by `metric`."""
    found = []
    for record in records:
        stages = record["stages"]
        joint = stages.get("joint")
        if joint is None or joint["metric"] != metric:
            continue
        earlier = [s for name, s in stages.items() if name != "joint"]
        secs = sum(s["history"][-1]["elapsed_secs"] for s in earlier if s["history"])
        # The relational stage sees no image, a prediction layer on cached features none again.
        unary = stages.get("unary", {"steps": 0})
        steps = unary["steps"] - unary.get("cached_steps", 0)
        history = joint["history"]
        found.append(
            ValidationLine(
                record["system"],
                [steps + row["step"] for row in history],
                [(secs + row["elapsed_secs"]) / 60 for row in history],
                [row[metric] for row in history],
            )
        )
    return found
