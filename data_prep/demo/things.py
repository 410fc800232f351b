"""Drawing of each kind of thing as a few filled shapes around a centre."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.ImageDraw

COLOUR_VALUES = {
    "black": (35, 33, 38),
    "blue": (48, 84, 190),
    "brown": (128, 84, 48),
    "green": (46, 120, 58),
    "grey": (150, 154, 162),
    "orange": (236, 138, 44),
    "purple": (140, 66, 168),
    "red": (200, 52, 46),
    "white": (238, 240, 242),
    "yellow": (240, 212, 62),
}
_SPREAD = 14
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Pen:
    """Draws the shapes of a thing, in units of half its size around its centre; y points down.

    Attributes:
      draw: the image to draw on.
      x: the centre from the left, in pixels.
      y: the centre from the top, in pixels.
      half: half the thing's size, in pixels.
      colour: the thing's colour, which shapes have unless they name another.
      rng: the source of small changes of colour and shape.
    """

    draw: PIL.ImageDraw.ImageDraw
    x: float
    y: float
    half: float
    colour: str
    rng: np.random.Generator

    def _place(self, points: Points) -> list[tuple[float, float]]:
        return [(self.x + self.half * x, self.y + self.half * y) for x, y in points]

    def _fill(self, colour: str | None) -> tuple[int, ...]:
        base = np.array(COLOUR_VALUES[colour or self.colour])
        return tuple(np.clip(base + self.rng.normal(0, _SPREAD, 3), 0, 255).astype(int).tolist())

    def polygon(self, points: Points, colour: str | None = None) -> None:
        """Fills a polygon."""
        self.draw.polygon(self._place(points), fill=self._fill(colour))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: str | None = None) -> None:
        """Fills an ellipse around (x, y)."""
        box = self._place(((x - rx, y - ry), (x + rx, y + ry)))
        self.draw.ellipse(box, fill=self._fill(colour))

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: str | None = None
    ) -> None:
        """Fills a rectangle."""
        self.draw.rectangle(self._place(((left, top), (right, bottom))), fill=self._fill(colour))

    def line(self, points: Points, width: float, colour: str | None = None) -> None:
        """Draws a line; its width is in units of half the thing's size."""
        pixels = max(1, round(self.half * width))
        self.draw.line(self._place(points), fill=self._fill(colour), width=pixels)


def _ball(pen: Pen) -> None:
    pen.ellipse(0, 0.2, 0.65, 0.65)
    pen.line(((-0.6, 0.2), (0.6, 0.2)), 0.16, "white")


def _boat(pen: Pen) -> None:
    pen.polygon(((-1.1, 0.2), (1.1, 0.2), (0.7, 0.75), (-0.7, 0.75)))
    pen.line(((0, 0.2), (0, -1)), 0.1, "brown")
    pen.polygon(((0.1, -0.95), (0.1, 0.05), (0.75, 0.05)), "white")


def _cactus(pen: Pen) -> None:
    pen.box(-0.2, -1, 0.2, 1)
    pen.box(-0.75, -0.35, -0.45, 0.2)
    pen.box(-0.75, 0.0, 0, 0.25)
    pen.box(0.45, -0.6, 0.75, 0)
    pen.box(0, -0.2, 0.75, 0.05)


def _car(pen: Pen) -> None:
    pen.box(-1.1, 0.0, 1.1, 0.5)
    pen.polygon(((-0.6, 0), (-0.35, -0.45), (0.4, -0.45), (0.7, 0)))
    pen.ellipse(-0.6, 0.5, 0.26, 0.26, "black")
    pen.ellipse(0.6, 0.5, 0.26, 0.26, "black")


def _cloud(pen: Pen) -> None:
    pen.ellipse(-0.5, 0.1, 0.55, 0.35)
    pen.ellipse(0.45, 0.1, 0.6, 0.35)
    pen.ellipse(0, -0.15, 0.55, 0.45)


def _dog(pen: Pen) -> None:
    pen.ellipse(0, 0.1, 0.75, 0.36)
    pen.ellipse(0.8, -0.3, 0.34, 0.3)
    pen.box(-0.6, 0.2, -0.4, 0.85)
    pen.box(0.35, 0.2, 0.55, 0.85)
    pen.line(((-0.7, 0), (-1.05, -0.5)), 0.18)


def _fish(pen: Pen) -> None:
    side = pen.rng.choice((-1, 1))
    pen.ellipse(0, 0, 0.75, 0.4)
    pen.polygon(((side * 0.6, 0), (side * 1.1, -0.4), (side * 1.1, 0.4)))


def _flag(pen: Pen) -> None:
    pen.line(((-0.5, -1.1), (-0.5, 1)), 0.12, "brown")
    pen.box(-0.45, -1.1, 0.7, -0.35)


def _flower(pen: Pen) -> None:
    pen.line(((0, 0), (0, 0.95)), 0.16, "green")
    for i in range(5):
        angle = 2 * math.pi * i / 5
        pen.ellipse(0.36 * math.cos(angle), -0.2 + 0.36 * math.sin(angle), 0.28, 0.28)
    pen.ellipse(0, -0.2, 0.2, 0.2, "orange")


def _house(pen: Pen) -> None:
    pen.box(-0.8, -0.15, 0.8, 0.9)
    pen.polygon(((-1, -0.15), (0, -0.95), (1, -0.15)), "brown" if pen.colour != "brown" else "grey")
    pen.box(-0.2, 0.35, 0.2, 0.9, "black")


def _kite(pen: Pen) -> None:
    pen.polygon(((0, -0.9), (0.55, 0), (0, 0.7), (-0.55, 0)))
    pen.line(((0, 0.7), (0.2, 1.1), (-0.1, 1.6)), 0.08, "black")


def _lighthouse(pen: Pen) -> None:
    pen.polygon(((-0.4, 1), (0.4, 1), (0.26, -1), (-0.26, -1)))
    pen.box(-0.34, -0.3, 0.34, 0.1, "red" if pen.colour == "white" else "white")
    pen.box(-0.24, -1.35, 0.24, -1, "yellow")


def _moon(pen: Pen) -> None:
    pen.ellipse(0, 0, 0.75, 0.75)
    pen.ellipse(0.25, 0.2, 0.18, 0.18, "grey")


def _person(pen: Pen) -> None:
    pen.ellipse(0, -0.8, 0.26, 0.28, "orange")
    pen.box(-0.34, -0.5, 0.34, 0.3)
    pen.box(-0.3, 0.3, -0.06, 1, "black")
    pen.box(0.06, 0.3, 0.3, 1, "black")


def _pyramid(pen: Pen) -> None:
    pen.polygon(((-1.2, 0.8), (0, -0.7), (1.2, 0.8)))
    pen.polygon(((0.35, 0.8), (0, -0.7), (1.2, 0.8)), "brown")


def _rocket(pen: Pen) -> None:
    pen.box(-0.3, -0.5, 0.3, 0.6)
    pen.polygon(((-0.3, -0.5), (0, -1.1), (0.3, -0.5)), "red")
    pen.polygon(((-0.25, 0.6), (0, 1.2), (0.25, 0.6)), "orange")


def _snowman(pen: Pen) -> None:
    pen.ellipse(0, 0.5, 0.6, 0.55)
    pen.ellipse(0, -0.3, 0.42, 0.4)
    pen.box(-0.34, -0.95, 0.34, -0.62, "black")


def _star(pen: Pen) -> None:
    radii = (0.8, 0.34)
    angles = [math.pi * i / 5 - math.pi / 2 for i in range(10)]
    points = [
        (radii[i % 2] * math.cos(a), radii[i % 2] * math.sin(a)) for i, a in enumerate(angles)
    ]
    pen.polygon(tuple(points))


def _sun(pen: Pen) -> None:
    for i in range(8):
        angle = math.pi * i / 4
        pen.line(((0, 0), (1.05 * math.cos(angle), 1.05 * math.sin(angle))), 0.12)
    pen.ellipse(0, 0, 0.65, 0.65)


def _tree(pen: Pen) -> None:
    pen.box(-0.15, 0.2, 0.15, 1, "brown")
    if pen.rng.random() < 0.5:
        pen.ellipse(0, -0.35, 0.65, 0.7)
    else:
        pen.polygon(((-0.7, 0.4), (0, -1.1), (0.7, 0.4)))


DRAW: dict[str, Callable[[Pen], None]] = {
    "ball": _ball,
    "boat": _boat,
    "cactus": _cactus,
    "car": _car,
    "cloud": _cloud,
    "dog": _dog,
    "fish": _fish,
    "flag": _flag,
    "flower": _flower,
    "house": _house,
    "kite": _kite,
    "lighthouse": _lighthouse,
    "moon": _moon,
    "person": _person,
    "pyramid": _pyramid,
    "rocket": _rocket,
    "snowman": _snowman,
    "star": _star,
    "sun": _sun,
    "tree": _tree,
}
