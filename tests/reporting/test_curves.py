"""Training curves: a line a run, a chart a metric, units that fit."""

from pathlib import Path

from semreg_tf.reporting.curves import curve_charts
from semreg_tf.reporting.markup import to_html
from semreg_tf.reporting.run_files import RunFiles


def make(history, stage="joint", name="demo_tags/y"):
    about = {"config": {"name": name}, "stage": stage}
    return RunFiles(Path("run"), about, {}, (), tuple(history), {}, ())


def titles(charts):
    return [caption.text for chart in charts for caption in chart.iter("figcaption")]


def test_metrics_share_a_chart_and_losses_do_not_share_stages():
    row = {"step": 5, "elapsed_secs": 7500.0, "O-F1": 0.5, "loss": 2.0}
    charts = curve_charts([make([row]), make([row], "unary"), make([])], ["a", "b", "c"])
    assert titles(charts) == [
        "O-F1, demo_tags against steps",
        "O-F1, demo_tags against hours of training",
        "loss, joint stage, demo_tags against steps",
        "loss, unary stage, demo_tags against steps",
    ]
    assert "a: 0.5; b: 0.5" in to_html(charts[0])


def test_the_relational_stage_stands_apart_for_it_sees_the_truth():
    row = {"step": 5, "elapsed_secs": 5.0, "O-F1": 0.99}
    found = titles(curve_charts([make([row]), make([row], "relational")], ["a", "b"]))
    assert "O-F1, relational stage, fed the true concepts, demo_tags against steps" in found
    assert len(found) == 4


def test_broken_rows_are_passed_over():
    rows = [{"step": 1, "CIDEr": None}, {"step": 2, "elapsed_secs": None, "CIDEr": 0.5}]
    (pair,) = curve_charts([make(rows)], ["a"])
    assert len(list(pair.iter("circle"))) == 2
    assert curve_charts([make([{"step": 3, "note": "x"}])], ["a"]) == []
