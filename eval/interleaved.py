"""The runner of all benchmarks: contenders are timed in turn and compared by the median round.

A contest is one piece of work and the ways to do it: ours, code that a user would write instead,
and one part of the work alone, the limit, which is a yardstick: a way that does this part less, or
in another number format, can be faster. Each round times every way once, so that a temporary load
of the machine slows all of them alike. Processor time is recorded beside elapsed time, because it
varies less.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

OURS, INSTEAD, LIMIT = "ours", "instead", "limit"
Row = dict[str, Any]


class Contender(NamedTuple):
    """One way to do the work of a contest.

    Attributes:
      way: the name of the way.
      call: does the work of a round, whose number is the argument. If another process does the
        work, it returns that process's processor seconds, otherwise None.
      role: `OURS`, `INSTEAD` (a user's own code) or `LIMIT`.
    """

    way: str
    call: Callable[[int], float | None]
    role: str = OURS


class Contest(NamedTuple):
    """One piece of work.

    Attributes:
      name: description of the work, with its sizes.
      unit: the unit of work, such as "step", "caption" or "image".
      amount: number of units in a round.
      contenders: the ways to do the work.
    """

    name: str
    unit: str
    amount: float
    contenders: Sequence[Contender]


def run(contest: Contest, rounds: int, report: Callable[[str], None] = print) -> list[Row]:
    """Times a contest.

    Args:
      contest: the work and the ways to do it.
      rounds: number of timed rounds, after one that is not timed.
      report: receives a line of text for each way.

    Returns:
      A row for each way: `contest`, `unit`, `way`, `role`; the median `ms` per unit and its
      quartiles `low_ms`, `high_ms`; the median `cpu_ms` of the processor; `times_instead`, the
      speed relative to the first way with the role `INSTEAD`, and `share_of_limit`, the speed
      relative to the limit, both medians over the rounds.
    """
    secs: dict[str, list[float]] = {c.way: [] for c in contest.contenders}
    cpu_secs: dict[str, list[float]] = {c.way: [] for c in contest.contenders}
    for number in range(rounds + 1):
        for contender in contest.contenders:
            cpu_before, before = time.process_time(), time.perf_counter()
            child_cpu = contender.call(number)
            wall, cpu = time.perf_counter() - before, time.process_time() - cpu_before
            if number:
                secs[contender.way].append(wall)
                cpu_secs[contender.way].append(cpu if child_cpu is None else child_cpu)
    first = {c.role: c.way for c in reversed(contest.contenders)}
    rows = []
    for way, role in ((c.way, c.role) for c in contest.contenders):
        ms = [1e3 * s / contest.amount for s in secs[way]]
        low, _, high = statistics.quantiles(ms, n=4, method="inclusive") if rounds > 1 else 3 * ms
        row = {
            "contest": contest.name,
            "unit": contest.unit,
            "way": way,
            "role": role,
            "ms": statistics.median(ms),
            "low_ms": low,
            "high_ms": high,
            "cpu_ms": 1e3 * statistics.median(cpu_secs[way]) / contest.amount,
        }
        for name, base in (("times_instead", INSTEAD), ("share_of_limit", LIMIT)):
            if base in first:
                pairs = zip(secs[first[base]], secs[way], strict=True)
                row[name] = statistics.median(base_secs / way_secs for base_secs, way_secs in pairs)
        rows.append(row)
        report(format_row(row))
    return rows


def run_all(
    contests: Iterator[Contest], rounds: int, report: Callable[[str], None] = print
) -> list[Row]:
    """Times contests in order and closes the iterator, which frees their resources; see `run`."""
    with contextlib.closing(contests):
        return [row for contest in contests for row in run(contest, rounds, report)]


def format_row(row: Row) -> str:
    """Returns a row of `run` as one line of text."""
    ratios = [
        f"{row[name]:7.2f} {text}"
        for name, text in (("times_instead", "x"), ("share_of_limit", "of the limit"))
        if name in row
    ]
    return (
        f"{row['contest'][:40]:<40s} {row['way'][:36]:<36s} {row['ms']:10.3f} ms a {row['unit']} "
        f"({row['low_ms']:.3f} to {row['high_ms']:.3f}), {row['cpu_ms']:10.3f} of processors"
        + ",".join(ratios)
    )
