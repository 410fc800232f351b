"""The annotating benchmark at toy size: its ways run, and its rows say what they should."""

import pytest

from eval.benchmark_annotate import WAYS, format_row, run


def test_every_way_has_a_row():
    lines = []
    rows = run(
        ["small_cnn"], vocab_size=1_000, num_pictures=4, batch_size=2, rounds=1, report=lines.append
    )
    assert [(row["encoder"], row["way"]) for row in rows] == [("small_cnn", way) for way in WAYS]
    assert lines == [format_row(row) for row in rows]
    assert all(row["images_per_sec"] > 0 for row in rows)
    assert rows[0]["share"] == 1.0
    rates = [row["images_per_sec"] for row in rows]
    assert rows[2]["share"] == pytest.approx(rates[2] / rates[0])
    assert all(row["cpu_ms"] > 0 for row in rows)
