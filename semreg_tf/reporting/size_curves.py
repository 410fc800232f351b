"""Scores of a study's systems against the number of training pictures."""

import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.reporting.svg_figure import svg_figure

_FILE = "pictures.svg"
_METRICS = ("CIDEr", "perplexity")
_SPLIT = re.compile(r"data\.train_split=train\[:(\d+)\]")
# By the system's name without its number of pictures: the values of each number's seeds.
Lines = dict[str, dict[int, list[float]]]


def size_lines(records: Sequence[dict[str, Any]], metric: str) -> Lines:
    """Returns a caption metric's values by system and number of pictures, in ascending order.

    Args:
      records: the records of `training.study_records`. A system's number N of pictures is that of
        its override `data.train_split=train[:N]`; its name holds "N pictures". Systems of one
        number alone are left out.
      metric: name of the metric, such as "CIDEr".
    """
    lines: Lines = {}
    for record in records:
        matches = list(filter(None, map(_SPLIT.fullmatch, record["overrides"])))
        scores = record["results"].get("captions", {})
        if matches and metric in scores:
            pictures = int(matches[-1][1])
            name = record["system"].replace(f", {pictures:,} pictures", "")
            lines.setdefault(name, {}).setdefault(pictures, []).append(scores[metric])
    return {name: dict(sorted(line.items())) for name, line in lines.items() if len(line) > 1}


def write_size_curves(records: Sequence[dict[str, Any]], folder: str | Path) -> list[Path]:
    """Draws CIDEr and perplexity of the evaluation against the number of training pictures.

    Means over seeds are joined by lines, and bars span the seeds.

    Returns:
      The written file, `pictures.svg`; none if no system was trained on several numbers of
      pictures.
    """
    panels = {metric: size_lines(records, metric) for metric in _METRICS}
    if not all(panels.values()):
        return []
    path = Path(folder) / _FILE
    with svg_figure(path, 10, 4) as figure:
        for ax, (metric, lines) in zip(figure.subplots(1, 2), panels.items(), strict=True):
            for name, line in lines.items():
                means = [statistics.fmean(values) for values in line.values()]
                spans = [
                    [mean - min(values) for mean, values in zip(means, line.values(), strict=True)],
                    [max(values) - mean for mean, values in zip(means, line.values(), strict=True)],
                ]
                ax.errorbar([*line], means, yerr=spans, marker="o", ms=4, capsize=3, label=name)
            numbers = sorted({number for line in lines.values() for number in line})
            ax.set(xscale="log", xlabel="training pictures", ylabel=metric)
            ax.set_xticks(numbers, [f"{number:,}" for number in numbers])
            ax.minorticks_off()
            ax.grid(alpha=0.3)
            ax.legend(fontsize=8)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
    return [path]
