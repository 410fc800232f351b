"""Measures how cost grows with batch, vocabulary, caption length, beam width and data set size.

Each point runs in its own process and is recorded when it ends, so the same command continues after
an interruption. If a point takes too long or its process dies, the reason is recorded and larger
points of the axis are skipped.

    python -m eval.benchmark --part=growth --json --max_minutes=10
"""

import json
import math
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.benchmark_record import about
from semreg_tf.files.whole_file import write_json
from semreg_tf.reporting.run_files import short_commit
from semreg_tf.reporting.study_tables import table
from semreg_tf.reporting.svg_figure import svg_figure
from semreg_tf.tensorflow_import import ease_tensorflow_import

# Axis -> its values, and the functions of `growth_points` with the argument's name.
AXES: dict[str, tuple[Sequence[int], dict[str, str]]] = {
    "batch": ((1, 4, 16, 64, 256), {"step": "captions", "decode": "images"}),
    "vocabulary": ((1_000, 5_000, 12_000, 50_000), {"step": "vocab_size", "decode": "vocab_size"}),
    "words": ((5, 10, 20, 50), {"step": "words", "decode": "words"}),
    "beam": ((1, 3, 5, 10, 20), {"decode": "beam_width"}),
    "pictures": ((1_000, 10_000, 100_000, 1_000_000), {"pictures": "number"}),
}
MOST_SECS = 600.0
Record = dict[str, Any]


def run(path: Path | None, max_minutes: float | None = None) -> list[Record]:
    """Measures the points that are not in the record, from small to large, and returns all points.

    Args:
      path: the record, written after each point; None: no record is written.
      max_minutes: minutes after which no new point starts; None: no limit.
    """
    started, record = time.monotonic(), {**about("growth"), "points": []}
    if path is not None and path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
    points = record["points"]
    for axis, value, functions in _in_order():
        known = [p for p in points if p["axis"] == axis]
        if any(p["value"] == value or "breaks" in p for p in known):
            continue
        if max_minutes is not None and time.monotonic() - started > 60 * max_minutes:
            break
        point: Record = {"axis": axis, "value": value, "work": []}
        for function, argument in functions.items():
            result = measure(function, {argument: value})
            point["work"] += result if isinstance(result, list) else []
            if isinstance(result, str):
                point["breaks"] = result
        points.append(point)
        print(_describe(point))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, record)
            draw(record, path.with_suffix(".svg"))
    return points


def _in_order() -> list[tuple[str, int, dict[str, str]]]:
    """Returns the first point of each axis, then the second of each, and so on."""
    longest = max(len(values) for values, _ in AXES.values())
    return [
        (axis, values[i], functions)
        for i in range(longest)
        for axis, (values, functions) in AXES.items()
        if i < len(values)
    ]


def measure(function: str, arguments: dict[str, int], most_secs: float = MOST_SECS) -> Any:
    """Returns the result of a function of `growth_points` that is run in a new process.

    If there is none, a text with the reason is returned.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(most_secs) else f"over {most_secs:.0f} seconds"
    except EOFError:
        process.join()
        return f"the process ended with status {process.exitcode}"
    finally:
        process.kill()
        process.join()


def _in_process(sender: Any, function: str, arguments: dict[str, int]) -> None:
    ease_tensorflow_import()
    from eval import growth_points

    try:
        sender.send(getattr(growth_points, function)(**arguments))
    except MemoryError:
        sender.send("out of memory")


def _describe(point: Record) -> str:
    parts = [f"{w['what']} {w['secs']:.3f} s ({w['peak_mib']:.0f} MiB)" for w in point["work"]]
    parts += [point["breaks"]] if "breaks" in point else []
    return f"growth  {point['axis']} {point['value']:,}: {', '.join(parts)}"


def courses(points: Sequence[Record], axis: str) -> dict[str, list[tuple[int, float, float]]]:
    """Returns kind of work -> triples of value, seconds and peak memory in MiB along an axis."""
    triples: dict[str, list[tuple[int, float, float]]] = {}
    for point in sorted((p for p in points if p["axis"] == axis), key=lambda p: p["value"]):
        for work in point["work"]:
            triple = (point["value"], work["secs"], work["peak_mib"])
            triples.setdefault(work["what"], []).append(triple)
    return triples


def exponent(course: Sequence[tuple[int, float, float]]) -> float:
    """Returns the exponent of a power law fitted to the upper half of a course.

    Example:
      >>> exponent([(1, 5.0, 0), (10, 10.0, 0), (100, 1000.0, 0)])
      2.0
    """
    upper = course[-max(2, math.ceil(len(course) / 2)) :]
    if len(upper) < 2:
        return math.nan
    values, secs = np.log([(value, secs) for value, secs, _ in upper]).T
    return round(float(np.polyfit(values, secs, 1)[0]), 2)


def markdown(record: Record) -> str:
    """Returns the tables of a record, one per axis."""
    commit = short_commit(record["commit"])
    parts = [f"**{record['processor']}**, {record['cores']} cores; commit {commit}.\n"]
    for axis, (values, _) in AXES.items():
        by_work = courses(record["points"], axis)
        if not by_work:
            continue
        header = [axis, *(f"{value:,}" for value in values), "exponent", "peak MiB"]
        rows = []
        for what, course in by_work.items():
            secs = {value: f"{1e3 * s:,.0f} ms" for value, s, _ in course}
            cells = [secs.get(value, "") for value in values]
            peak = max(p for *_, p in course)
            power = f"{exponent(course):.2f}" if len(course) > 1 else ""
            rows.append([what, *cells, power, f"{peak:,.0f}"])
        parts.append(table(header, rows) + "\n")
        broken = [p for p in record["points"] if p["axis"] == axis and "breaks" in p]
        parts += [f"At {p['value']:,}: {p['breaks']}.\n" for p in broken]
    return "\n".join(parts)


def draw(record: Record, path: Path) -> None:
    """Draws seconds over each axis, with logarithmic scales, as an SVG file."""
    measured = [axis for axis in AXES if courses(record["points"], axis)]
    with svg_figure(path, 4 * len(measured), 3.6) as figure:
        for ax, axis in zip(
            figure.subplots(1, len(measured), squeeze=False)[0], measured, strict=True
        ):
            for what, course in courses(record["points"], axis).items():
                values, secs, _ = zip(*course, strict=True)
                ax.loglog(values, secs, marker="o", ms=3, lw=1.2, label=what)
            ax.set(xlabel=axis, ylabel="seconds")
            ax.grid(alpha=0.3)
            ax.legend(fontsize=6)
