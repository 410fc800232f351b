"""Training curves from `history.jsonl`, one line per run, against steps and against time."""

from collections.abc import Sequence

from semreg_tf.reporting.charts import Line, line_chart
from semreg_tf.reporting.markup import Element, element
from semreg_tf.reporting.run_files import RunFiles, is_number

_OTHER_KEYS = ("step", "elapsed_secs")
# A run's name, the index of its colour, and step, seconds and value of each point.
_NamedPoints = tuple[str, int, list[tuple[float, float, float]]]


def curve_charts(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Element]:
    """Returns boxes of charts: each metric of a data set's runs against steps and time.

    Losses come last, one chart per stage, against steps only: Lu, Lr and their sum differ in scale.
    """
    panels: dict[tuple[str, str], list[_NamedPoints]] = {}
    for colour, (run, label) in enumerate(zip(runs, labels, strict=True)):
        metrics = sorted({k for row in run.history for k in row if k not in _OTHER_KEYS})
        for metric in metrics:
            title = _panel(metric, run.stage)
            points = _points(run, metric)
            if points:
                panels.setdefault((run.family, title), []).append((label, colour, points))
    charts, losses = [], []
    for (family, title), lines in sorted(panels.items()):
        pair = _pair(f"{title}, {family}", lines)
        if title.startswith("loss"):
            losses.append(pair[0])
        else:
            charts.append(element("div", pair, cls="pair"))
    return [*charts, element("div", losses, cls="pair")] if losses else charts


def _panel(metric: str, stage: str) -> str:
    if metric == "loss":
        return f"loss, {stage} stage"
    # Separate from other stages: this one reads the ground truth, not pictures.
    return f"{metric}, relational stage, fed the true concepts" if stage == "relational" else metric


def _points(run: RunFiles, metric: str) -> list[tuple[float, float, float]]:
    return [
        (float(row["step"]), float(row.get("elapsed_secs") or 0.0), float(row[metric]))
        for row in run.history
        if is_number(row.get(metric))
    ]


def _pair(title: str, lines: list[_NamedPoints]) -> list[Element]:
    longest = max(elapsed for _, _, points in lines for _, elapsed, _ in points)
    unit, secs = next(
        (name, size)
        for name, size in (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
        if longest >= 2 * size or size == 1.0
    )
    by_step = [
        Line(label, tuple((step, value) for step, _, value in points), colour)
        for label, colour, points in lines
    ]
    by_time = [
        Line(label, tuple((elapsed / secs, value) for _, elapsed, value in points), colour)
        for label, colour, points in lines
    ]
    return [
        line_chart(title, "steps", by_step),
        line_chart(title, f"{unit} of training", by_time),
    ]
