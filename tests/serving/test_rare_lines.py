"""Of many log lines of a kind a few are written, and the rest are counted."""

import logging

from semreg_tf.serving.rare_lines import RareLines


def lines(rare, message, number, *arguments):
    passed = []
    for _ in range(number):
        record = logging.LogRecord("x", logging.WARNING, "", 0, message, arguments, None)
        if rare.filter(record):
            passed.append(record.getMessage())
    return passed


def test_a_few_a_minute_pass_and_each_kind_by_itself(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    rare = RareLines(most=2, secs=60)
    assert lines(rare, "bad %s", 10, 1) == ["bad 1"] * 2
    assert lines(rare, "other", 1) == ["other"]
    now[0] = 61
    assert lines(rare, "bad %s", 3, 2) == ["bad 2 (8 similar lines dropped)", "bad 2"]
    now[0] = 122
    assert lines(rare, "other", 1) == ["other"]
