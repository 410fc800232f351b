"""Charts as inline SVG that fill the width of the page.

Horizontal positions are percentages and vertical ones pixels, so that a wider page widens a chart
without scaling its text. Colours are variables of the page's style, for light and dark mode.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from semreg_tf.reporting.markup import Element, element

# The style sheet leaves room for the axis on the left, and for half a number on the right.
HEIGHT, TOP, BOTTOM = 270, 10, 40
NUM_COLOURS = 8
_LINE_HEIGHT = 15
_DASHES = (None, "7 3", "2 3", "9 3 2 3")
# Lines with at most this many points have a mark at each point.
_MAX_MARKED_POINTS = 40
_Scale = Callable[[float], float]


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a chart: its name, its points, and the index of its colour."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: int


def line_chart(title: str, x_title: str, lines: Sequence[Line]) -> Element:
    """Returns a `figure`: a line chart with a legend of first and last values below.

    Raises:
      ValueError: there is no line, or a line has no points.
    """
    if not lines or not all(line.points for line in lines):
        raise ValueError(f"`lines` must hold lines with points. Received: lines={list(lines)!r}")
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    y_ticks = ticks(min(ys), max(ys))
    x_ticks = [tick for tick in ticks(0.0, max(xs), 4) if tick <= max(xs)]
    x_of = _scale(0.0, max(xs), 0.0, 100.0)
    y_of = _scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    drawing = [_y_axis(y_ticks, y_of)]
    for tick in x_ticks:
        drawing.append(_text(x_of(tick), HEIGHT - BOTTOM + 17, number(tick), "middle"))
    drawing.append(_text(50.0, HEIGHT - 6, x_title, "middle", "axis"))
    for line in lines:
        drawing.extend(_draw_line(line, x_of, y_of))
    description = "; ".join(f"{line.label}: {_first_and_last(line)}" for line in lines)
    legend = [
        element(
            "li", _swatch(line), line.label, element("span", _first_and_last(line), cls="value")
        )
        for line in lines
    ]
    return _figure(f"{title} against {x_title}", description, drawing, legend)


def bar_chart(
    title: str, groups: Sequence[str], series: Sequence[tuple[str, Sequence[float], int]]
) -> Element:
    """Returns a `figure`: a chart of grouped bars with a legend below.

    Args:
      title: the title, the name of the measured value.
      groups: a name for each group, which may have several lines.
      series: for each series its name, one fraction in 0..1 per group, and the index of its colour.
    """
    lines = max((group.count("\n") + 1 for group in groups), default=1)
    floor = HEIGHT - BOTTOM - _LINE_HEIGHT * (lines - 2)
    y_of = _scale(0.0, 1.0, floor, TOP)
    drawing = [_y_axis([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], y_of)]
    slot = 100.0 / max(len(groups), 1)
    width = slot * min(0.2, 0.82 / max(len(series), 1))
    for i, group in enumerate(groups):
        middle = slot * (i + 0.5)
        for j, part in enumerate(group.split("\n")):
            drawing.append(_text(middle, floor + 16 + _LINE_HEIGHT * j, part, "middle"))
        for j, (name, values, colour) in enumerate(series):
            top = y_of(values[i])
            bar = element(
                "rect",
                element("title", f"{name}, {group.replace(chr(10), ' ')}: {values[i]:.3f}"),
                x=f"{middle + (j - len(series) / 2) * width:.2f}%",
                y=f"{top:.1f}",
                width=f"{0.94 * width:.2f}%",
                height=f"{floor - top:.1f}",
                cls=f"fill{colour % NUM_COLOURS}",
            )
            drawing.append(bar)
    description = "; ".join(
        f"{name}: " + ", ".join(f"{value:.2f}" for value in values) for name, values, _ in series
    )
    legend = [
        element("li", _square(colour), name, element("span", _listed(values), cls="value"))
        for name, values, colour in series
    ]
    return _figure(title, description, drawing, legend)


def bar(fraction: float, cls: str) -> Element:
    """Draws one bar of a fraction in 0..1, as wide as its box."""
    return element(
        "svg",
        element("rect", x="0", y="0", width="100", height="10", cls="empty"),
        element("rect", x="0", y="0", width=f"{100 * fraction:.1f}", height="10", cls=cls),
        cls="bar",
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def ticks(low: float, high: float, number_wanted: int = 5) -> list[float]:
    """Returns evenly spaced round numbers that span low..high.

    Example:
      >>> ticks(0.13, 0.58)
      [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    """
    span = high - low or abs(high) or 1.0
    raw = span / number_wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def number(value: float) -> str:
    """Formats a number for an axis."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    return lambda value: start + (value - low) / (high - low or 1.0) * (end - start)


def _y_axis(y_ticks: Sequence[float], y_of: _Scale) -> Element:
    parts = []
    for tick in y_ticks:
        y = f"{y_of(tick):.1f}"
        parts.append(element("line", x1="0%", x2="100%", y1=y, y2=y, cls="grid"))
        parts.append(_text(0.0, y_of(tick) + 4, number(tick), "end", "tick"))
    return element("g", parts)


def _text(x: float, y: float, text: str, anchor: str, cls: str | None = None) -> Element:
    return element("text", text, x=f"{x:.2f}%", y=f"{y:.1f}", text_anchor=anchor, cls=cls)


def _draw_line(line: Line, x_of: _Scale, y_of: _Scale) -> list[Element]:
    places = [(f"{x_of(x):.2f}", f"{y_of(y):.1f}") for x, y in line.points]
    colour = line.colour % NUM_COLOURS
    stroke = element(
        "polyline",
        points=" ".join(f"{x},{y}" for x, y in places),
        cls=f"line{colour}",
        stroke_dasharray=_dash(line.colour),
    )
    # SVG has no percentages for the points of a line: an inner drawing 100 wide is stretched.
    box = {"viewBox": f"0 0 100 {HEIGHT}", "preserveAspectRatio": "none"}
    drawn = [
        element(
            "svg", stroke, width="100%", height=HEIGHT, cls="stretched", aria_hidden="true", **box
        )
    ]
    if len(places) <= _MAX_MARKED_POINTS:
        for (x, y), (step, value) in zip(places, line.points, strict=True):
            title = element("title", f"{line.label}: {value:.4g} at {number(step)}")
            drawn.append(element("circle", title, cx=f"{x}%", cy=y, r=3, cls=f"fill{colour}"))
    return drawn


def _dash(colour: int) -> str | None:
    return _DASHES[colour % len(_DASHES)]


def _first_and_last(line: Line) -> str:
    first, last = line.points[0][1], line.points[-1][1]
    return f"{last:.4g}" if len(line.points) == 1 else f"{first:.4g} → {last:.4g}"


def _listed(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _swatch(line: Line) -> Element:
    stroke = element(
        "line",
        x1=0,
        x2=26,
        y1=6,
        y2=6,
        cls=f"line{line.colour % NUM_COLOURS}",
        stroke_dasharray=_dash(line.colour),
    )
    return element("svg", stroke, cls="swatch", viewBox="0 0 26 12", aria_hidden="true")


def _square(colour: int) -> Element:
    drawn = element("rect", x=6, y=0, width=12, height=12, cls=f"fill{colour % NUM_COLOURS}")
    return element("svg", drawn, cls="swatch", viewBox="0 0 26 12", aria_hidden="true")


def _figure(title: str, description: str, drawing: list[Element], legend: list[Element]) -> Element:
    drawn = element(
        "svg",
        drawing,
        height=HEIGHT,
        role="img",
        aria_label=f"{title}. {description}",
        cls="chart",
    )
    return element(
        "figure",
        element("figcaption", title),
        drawn,
        element("ul", legend, cls="legend"),
        cls="chart",
    )
