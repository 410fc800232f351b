"""A study's learning curves: the joint stage's validations against steps and against time."""

import statistics
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
    were this system's own or taken from another, so that systems of one stage compare. Systems of
    several seeds are drawn as their mean, the range shaded; where there are such, systems of one
    seed go to a picture of their own.

    Args:
      records: as `training.study_records` writes them; of a unary stage `cached_steps`, where it
        is given, saw cached features in place of images.
      folder: where `curves_<metric>.svg` and `curves_<metric>_one_seed.svg` go.

    Returns:
      The files written; none where no record has such a metric.
    """
    written = []
    for metric in _METRICS:
        by_system: dict[str, list[ValidationLine]] = {}
        for line in validation_lines(records, metric):
            by_system.setdefault(line.system, []).append(line)
        several = {name: own for name, own in by_system.items() if len(own) > 1}
        once = {name: own for name, own in by_system.items() if len(own) == 1}
        pictures = {"": several, "_one_seed": once} if several else {"": once}
        for ending, drawn in pictures.items():
            if drawn:
                written.append(Path(folder) / f"curves_{metric}{ending}.svg")
                _draw(drawn, metric, written[-1])
    return written


def _draw(by_system: dict[str, list[ValidationLine]], metric: str, path: Path) -> None:
    # Costs a second, and tables alone do not need it.
    import matplotlib
    from matplotlib.figure import Figure

    # The salt makes the file the same whenever it is drawn of the same records.
    with matplotlib.rc_context({"svg.hashsalt": "semreg_tf"}):
        figure = Figure(figsize=(12, 4.4), layout="constrained")
        axes = figure.subplots(1, 2)
        for i, (system, lines) in enumerate(by_system.items()):
            style = {"color": f"C{i % 10}", "linestyle": ("-", "--", ":")[i // 10 % 3]}
            # Seeds of one system are validated at the same steps, but for a stop out of patience.
            seeds = list(zip(*(line.values for line in lines), strict=False))
            means = [statistics.fmean(values) for values in seeds]
            for ax, name in zip(axes, ("steps", "minutes"), strict=True):
                points = zip(*(getattr(line, name) for line in lines), strict=False)
                xs = [statistics.fmean(own) for own in points]
                label = f"{system} ({len(lines)})" if len(lines) > 1 else system
                ax.plot(xs, means, marker="o", ms=3, lw=1.4, label=label, **style)
                low, high = [min(own) for own in seeds], [max(own) for own in seeds]
                ax.fill_between(xs, low, high, color=style["color"], alpha=0.15, lw=0)
        for ax, x_title in zip(axes, ("steps on images", "minutes of training"), strict=True):
            ax.set(xlabel=x_title, ylabel=f"{metric} on validation")
            ax.grid(alpha=0.3)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
        figure.savefig(path, metadata={"Date": None})


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
