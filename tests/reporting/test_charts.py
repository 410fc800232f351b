"""Charts: round ticks, points where they belong, and numbers for who cannot see."""

import pytest

from semreg_tf.reporting.charts import (
    BOTTOM,
    HEIGHT,
    TOP,
    Line,
    bar,
    bar_chart,
    line_chart,
    ticks,
)
from semreg_tf.reporting.markup import to_html


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 900, [0, 200, 400, 600, 800, 1000]),
        (-0.3, 0.4, [-0.4, -0.2, 0.0, 0.2, 0.4]),
        (5.0, 5.0, [5.0, 6.0]),
        (0.0, 0.0, [0.0, 0.2]),
        (0, 1_000_000, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]),
    ],
)
def test_ticks_are_round_and_span(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_lines_go_through_their_points():
    chart = line_chart("O-F1", "steps", [Line("a", ((50, 0.0), (100, 1.0)), 0)])
    (polyline,) = chart.iter("polyline")
    first, last = (tuple(map(float, p.split(","))) for p in polyline.get("points").split())
    assert first == pytest.approx((50, HEIGHT - BOTTOM))
    assert last == pytest.approx((100, TOP))
    assert [c.get("cx") for c in chart.iter("circle")] == ["50.00%", "100.00%"]


def test_a_chart_widens_with_its_page_and_its_text_does_not():
    for chart in (
        line_chart("x", "steps", [Line("a", ((1, 0.0), (2, 1.0)), 0)]),
        bar_chart("x", ["rare", "frequent"], [("ours", [0.5, 1.0], 0)]),
    ):
        (drawing,) = (svg for svg in chart.iter("svg") if svg.get("role") == "img")
        assert drawing.get("viewBox") is None
        assert drawing.get("width") is None
        assert all(text.get("x").endswith("%") for text in drawing.iter("text"))


def test_charts_say_their_numbers():
    chart = line_chart(
        "O-F1", "steps", [Line("a", ((1, 0.25), (2, 0.5)), 0), Line("b", ((1, 3),), 9)]
    )
    (drawing,) = (svg for svg in chart.iter("svg") if svg.get("role") == "img")
    assert drawing.get("aria-label") == "O-F1 against steps. a: 0.25 → 0.5; b: 3"
    assert 'class="line1"' in to_html(chart)


def test_many_points_are_a_line_alone():
    line = Line("a", tuple((i, i) for i in range(200)), 0)
    assert not list(line_chart("x", "steps", [line]).iter("circle"))


def test_a_line_without_points_is_refused():
    with pytest.raises(ValueError, match=r"`lines` must hold lines with points\. Received: lines="):
        line_chart("x", "steps", [Line("a", (), 0)])


def test_bars_are_as_high_as_their_fractions():
    chart = bar_chart("Recall", ["rare\n3 classes", "frequent"], [("ours", [0.5, 1.0], 0)])
    bars = [r for r in chart.iter("rect") if r.get("height") != "12"]
    heights = [float(rect.get("height")) for rect in bars]
    assert heights == pytest.approx([(HEIGHT - TOP - BOTTOM) / 2, HEIGHT - TOP - BOTTOM])
    assert "ours: 0.50, 1.00" in to_html(chart)
    assert [r.get("width") for r in bar(0.25, "fill0").iter("rect")] == ["100", "25.0"]
