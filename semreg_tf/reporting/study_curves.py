"""Learning curves of a study: validation of the joint stage against steps and against time."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg_tf.reporting.svg_figure import svg_figure

_METRICS = ("CIDEr", "O-F1")


@dataclass(frozen=True)
class ValidationLine:
    """Values of one system and seed against steps on images and minutes of training."""

    system: str
    steps: list[int]
    minutes: list[float]
    values: list[float]


def write_curves(records: Sequence[dict[str, Any]], folder: str | Path) -> list[Path]:
    """Draws each task's validation metric against the steps and minutes of the whole training.

    Steps and minutes of the earlier stages, also of reused ones and of those whose weights a system
    starts from, are added to the joint stage's, so that systems of one stage are comparable. For a
    system with several seeds the mean is drawn, with the range shaded; systems with one seed are
    then drawn in another file.

    Args:
      records: the records of `training.study_records`; a stage's `cached_steps` are steps on cached
        features, of which `cached_first` come before all others, and a record's `inherited` are the
        stages whose weights it starts from.
      folder: folder of `curves_<metric>.svg` and `curves_<metric>_one_seed.svg`.

    Returns:
      The written files; none if no record has such a metric.
    """
    written = []
    for metric in _METRICS:
        by_system: dict[str, list[ValidationLine]] = {}
        for line in validation_lines(records, metric):
            by_system.setdefault(line.system, []).append(line)
        several = {name: lines for name, lines in by_system.items() if len(lines) > 1}
        single = {name: lines for name, lines in by_system.items() if len(lines) == 1}
        pictures = {"": several, "_one_seed": single} if several else {"": single}
        for ending, systems in pictures.items():
            if systems:
                written.append(Path(folder) / f"curves_{metric}{ending}.svg")
                _draw(systems, metric, written[-1])
    return written


def _draw(by_system: dict[str, list[ValidationLine]], metric: str, path: Path) -> None:
    with svg_figure(path, 12, 4.4) as figure:
        axes = figure.subplots(1, 2)
        for i, (system, lines) in enumerate(by_system.items()):
            style = {"color": f"C{i % 10}", "linestyle": ("-", "--", ":")[i // 10 % 3]}
            # Seeds of a system are validated at the same steps, except after early stopping.
            seeds = list(zip(*(line.values for line in lines), strict=False))
            means = [statistics.fmean(values) for values in seeds]
            for ax, name in zip(axes, ("steps", "minutes"), strict=True):
                points = zip(*(getattr(line, name) for line in lines), strict=False)
                xs = [statistics.fmean(values) for values in points]
                label = f"{system} ({len(lines)})" if len(lines) > 1 else system
                ax.plot(xs, means, marker="o", ms=3, lw=1.4, label=label, **style)
                low, high = list(map(min, seeds)), list(map(max, seeds))
                ax.fill_between(xs, low, high, color=style["color"], alpha=0.15, lw=0)
        for ax, x_title in zip(axes, ("steps on images", "minutes of training"), strict=True):
            ax.set(xlabel=x_title, ylabel=f"{metric} on validation")
            ax.grid(alpha=0.3)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)


def validation_lines(records: Sequence[dict[str, Any]], metric: str) -> list[ValidationLine]:
    """Returns one line per record whose joint stage was validated by `metric`."""
    lines = []
    for record in records:
        stages = record["stages"]
        joint = stages.get("joint")
        if joint is None or joint["metric"] != metric:
            continue
        trained = ({**s, "stage": name} for name, s in stages.items() if name != "joint")
        earlier = [*record.get("inherited", ()), *trained]
        secs = sum(s["history"][-1]["elapsed_secs"] for s in earlier if s["history"])
        # Steps of the relational stage and steps on cached features are not steps on images.
        steps = sum(_image_steps(s, s["steps"]) for s in earlier if s["stage"] != "relational")
        history = joint["history"]
        lines.append(
            ValidationLine(
                record["system"],
                [steps + _image_steps(joint, row["step"]) for row in history],
                [(secs + row["elapsed_secs"]) / 60 for row in history],
                [row[metric] for row in history],
            )
        )
    return lines


def _image_steps(stage: dict[str, Any], step: int) -> int:
    """Returns the number of steps on images among a stage's first steps."""
    on_images = stage["steps"] - stage.get("cached_steps", 0)
    return min(max(step - stage.get("cached_first", 0), 0), on_images)
