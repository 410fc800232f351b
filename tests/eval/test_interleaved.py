"""The runner takes turns, and its figures are those of the contenders."""

import time

import pytest

from eval.interleaved import INSTEAD, LIMIT, OURS, Contender, Contest, format_row, run, run_all


def sleeper(calls, name, secs):
    def call(number):
        calls.append((name, number))
        time.sleep(secs)
        return 4 * secs

    return call


def test_ways_take_turns_and_are_compared():
    calls, lines = [], []
    sizes = {"theirs": (0.004, INSTEAD), "mine": (0.001, OURS), "bare": (0.002, LIMIT)}
    ways = [Contender(n, sleeper(calls, n, secs), role) for n, (secs, role) in sizes.items()]
    rows = run(Contest("work", "step", 2, ways), 3, lines.append)
    assert calls == [(name, number) for number in range(4) for name in sizes]
    assert lines == [format_row(row) for row in rows]
    theirs, mine, bare = rows
    assert [row["way"] for row in rows] == list(sizes)
    assert theirs["times_instead"] == bare["share_of_limit"] == 1.0
    assert mine["times_instead"] == pytest.approx(theirs["ms"] / mine["ms"], rel=0.5)
    assert mine["share_of_limit"] > bare["share_of_limit"] > theirs["share_of_limit"]
    # The processor's seconds are those that the way tells, a unit.
    assert theirs["cpu_ms"] == pytest.approx(8.0)
    assert all(row["low_ms"] <= row["ms"] <= row["high_ms"] for row in rows)


def test_without_a_limit_there_is_no_share():
    (row,) = run(Contest("work", "step", 1, [Contender("mine", lambda _: None)]), 1, str)
    assert "share_of_limit" not in row and "times_instead" not in row
    assert row["low_ms"] == row["ms"] == row["high_ms"]


def test_what_a_contest_holds_is_let_go_of_when_a_way_fails():
    closed = []

    def contests():
        try:
            yield Contest("work", "step", 1, [Contender("mine", lambda _: 1 / 0)])
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError):
        run_all(contests(), 1, str)
    assert closed == [True]
