"""One runner for all benchmarks: contenders take turns, and medians of the rounds are compared.

A contest is one piece of work and the ways to do it: ours, what a user would write in its place,
and the part of it that no way can avoid, which is the machine's limit. Turns are taken round by
round, so that a machine that is busy for a while slows all ways alike; the processor's own time
stands beside the clock's, for it is the steadier of the two.
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
      way: its name.
      call: does one round's work, of the round's number. Work of another process is paid there:
        then it returns that process's seconds of processor time, else None.
      role: `OURS`, `INSTEAD` or `LIMIT`.
    """

    way: str
    call: Callable[[int], float | None]
    role: str = OURS


class Contest(NamedTuple):
    """One piece of work.

    Attributes:
      name: what is done, with its sizes.
      unit: what is counted: "step", "caption", "image".
      amount: how many of them a round has.
      contenders: the ways.
    """

    name: str
    unit: str
    amount: float
    contenders: Sequence[Contender]


def run(contest: Contest, rounds: int, report: Callable[[str], None] = print) -> list[Row]:
    """Times a contest.

    Args:
      contest: the work and its ways.
      rounds: timed rounds of each way, after one that is not counted.
      report: receives a line a way.

    Returns:
      A row a way: `contest`, `unit`, `way`, `role`; the median `ms` a unit and its quartiles
      `low_ms`, `high_ms`; `cpu_ms`, of the processor; the medians of the rounds' ratios
      `times_instead`, how many times as fast as the first way of that role, and `share_of_limit`.
    """
    secs: dict[str, list[float]] = {c.way: [] for c in contest.contenders}
    cpu_secs: dict[str, list[float]] = {c.way: [] for c in contest.contenders}
    for number in range(rounds + 1):
        for contender in contest.contenders:
            cpu_before, before = time.process_time(), time.perf_counter()
            elsewhere = contender.call(number)
            wall, cpu = time.perf_counter() - before, time.process_time() - cpu_before
            if number:
                secs[contender.way].append(wall)
                cpu_secs[contender.way].append(cpu if elsewhere is None else elsewhere)
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
                row[name] = statistics.median(theirs / own for theirs, own in pairs)
        rows.append(row)
        report(format_row(row))
    return rows


def run_all(
    contests: Iterator[Contest], rounds: int, report: Callable[[str], None] = print
) -> list[Row]:
    """Times contests one after another, and lets go of what they hold; see `run`."""
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
