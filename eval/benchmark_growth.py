"""How cost grows with the batch, the vocabulary, captions' length, the beam, and the pictures.

Each point runs in a process of its own and is recorded by itself: the same command goes on after an
interruption. A point that takes too long or dies is recorded with the reason, and larger ones of
its axis are left out: that is the first thing that breaks.

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
from semreg_tf.cli.tensorflow_import import ease_tensorflow_import
from semreg_tf.files.whole_file import write_json
from semreg_tf.reporting.run_files import short_commit
from semreg_tf.reporting.study_tables import table

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
    """Measures the points that have no record, smallest first.

    Args:
      path: the record, written after each point; None: none is kept.
      max_minutes: no point is started after that long.

    Returns:
      All points.
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
        made: Record = {"axis": axis, "value": value, "work": []}
        for function, argument in functions.items():
            found = measure(function, {argument: value})
            made["work"] += found if isinstance(found, list) else []
            if isinstance(found, str):
                made["breaks"] = found
        points.append(made)
        print(_told(made))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, record)
            draw(record, path.with_suffix(".svg"))
    return points


def _in_order() -> list[tuple[str, int, dict[str, str]]]:
    """Returns every axis's first point, then every second, and so on."""
    longest = max(len(values) for values, _ in AXES.values())
    return [
        (axis, values[i], functions)
        for i in range(longest)
        for axis, (values, functions) in AXES.items()
        if i < len(values)
    ]


def measure(function: str, arguments: dict[str, int], most_secs: float = MOST_SECS) -> Any:
    """Runs a function of `growth_points` in a process of its own.

    Returns:
      What it returns, or in a few words why there is nothing.
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


def _told(point: Record) -> str:
    parts = [f"{w['what']} {w['secs']:.3f} s ({w['peak_mib']:.0f} MiB)" for w in point["work"]]
    parts += [point["breaks"]] if "breaks" in point else []
    return f"growth  {point['axis']} {point['value']:,}: {', '.join(parts)}"


def courses(points: Sequence[Record], axis: str) -> dict[str, list[tuple[int, float, float]]]:
    """Returns of each kind of work along an axis the values, seconds and peaks of memory in MiB."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    for point in sorted((p for p in points if p["axis"] == axis), key=lambda p: p["value"]):
        for work in point["work"]:
            triple = (point["value"], work["secs"], work["peak_mib"])
            found.setdefault(work["what"], []).append(triple)
    return found


def exponent(course: Sequence[tuple[int, float, float]]) -> float:
    """Returns the exponent of a power law through the upper half of a course, where it has settled.

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
    """Returns the tables of a record, an axis each."""
    commit = short_commit(record["commit"])
    parts = [f"**{record['processor']}**, {record['cores']} cores; commit {commit}.\n"]
    for axis, (values, _) in AXES.items():
        found = courses(record["points"], axis)
        if not found:
            continue
        header = [axis, *(f"{value:,}" for value in values), "exponent", "peak MiB"]
        rows = []
        for what, course in found.items():
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
    """Draws seconds against every axis, both logarithmic, as an SVG file."""
    # Costs a second, and the tables alone do not need it.
    import matplotlib
    from matplotlib.figure import Figure

    axes_there = [axis for axis in AXES if courses(record["points"], axis)]
    with matplotlib.rc_context({"svg.hashsalt": "semreg_tf"}):
        figure = Figure(figsize=(4 * len(axes_there), 3.6), layout="constrained")
        for ax, axis in zip(
            figure.subplots(1, len(axes_there), squeeze=False)[0], axes_there, strict=True
        ):
            for what, course in courses(record["points"], axis).items():
                values, secs, _ = zip(*course, strict=True)
                ax.loglog(values, secs, marker="o", ms=3, lw=1.2, label=what)
            ax.set(xlabel=axis, ylabel="seconds")
            ax.grid(alpha=0.3)
            ax.legend(fontsize=6)
        figure.savefig(path, metadata={"Date": None})
