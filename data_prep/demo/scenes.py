"""What a drawn scene holds, before a pixel is drawn: things, counts, sizes, colours, places.

Themes make labels lean on each other (a flag needs a boat, a kite a person) and make some rare,
so that the order of labels matters and a relational model has something to learn.
"""

from dataclasses import dataclass

import numpy as np

BACKGROUNDS = ("grass", "sea", "night", "snow", "desert")
# The colours of each kind of thing, the likelier first.
COLOURS = {
    "ball": ("red", "yellow", "blue"),
    "bird": ("black", "white"),
    "boat": ("red", "white", "brown"),
    "cactus": ("green",),
    "car": ("red", "blue", "white"),
    "cloud": ("white", "grey"),
    "dog": ("brown", "black", "white"),
    "fish": ("orange", "yellow"),
    "flag": ("red", "blue"),
    "flower": ("red", "yellow", "purple"),
    "house": ("red", "white", "brown"),
    "kite": ("purple", "red"),
    "lighthouse": ("white", "red"),
    "moon": ("white", "yellow"),
    "person": ("blue", "red", "green"),
    "pyramid": ("brown", "yellow"),
    "rocket": ("white", "red"),
    "snowman": ("white",),
    "star": ("yellow", "white"),
    "sun": ("yellow", "orange"),
    "tree": ("green", "brown"),
}
LABELS = tuple(sorted((*BACKGROUNDS, *COLOURS)))
SKY = frozenset({"bird", "cloud", "kite", "moon", "rocket", "star", "sun"})
_SEVERAL = frozenset({"bird", "cloud", "fish", "flower", "house", "star", "tree"})
_MOST_THINGS = 5
_COUNT_ODDS = (0.62, 0.24, 0.14)
_COLOUR_ODDS = 0.6


@dataclass(frozen=True)
class Theme:
    """A kind of scene: its background, its share of all scenes, the odds of each thing in it."""

    name: str
    background: str
    share: float
    odds: dict[str, float]


THEMES = (
    Theme("garden", "grass", 0.14, {"house": 0.6, "flower": 0.75, "tree": 0.45, "sun": 0.25}),
    Theme(
        "park",
        "grass",
        0.16,
        {"person": 0.7, "dog": 0.55, "ball": 0.5, "tree": 0.3, "bird": 0.15, "cloud": 0.2},
    ),
    Theme("road", "grass", 0.08, {"car": 0.85, "house": 0.4, "tree": 0.45, "cloud": 0.4}),
    Theme("harbour", "sea", 0.13, {"boat": 0.9, "lighthouse": 0.2, "cloud": 0.4, "bird": 0.4}),
    Theme("calm sea", "sea", 0.12, {"fish": 0.75, "boat": 0.45, "sun": 0.5, "person": 0.2}),
    Theme("starry sky", "night", 0.1, {"star": 0.85, "moon": 0.7, "rocket": 0.15}),
    Theme(
        "village",
        "night",
        0.08,
        {"house": 0.85, "moon": 0.5, "star": 0.4, "tree": 0.3, "car": 0.15},
    ),
    Theme("winter", "snow", 0.13, {"snowman": 0.55, "tree": 0.6, "house": 0.25, "person": 0.3}),
    Theme("desert", "desert", 0.06, {"cactus": 0.7, "sun": 0.65, "pyramid": 0.22, "car": 0.1}),
)
# With one thing comes another: (what comes, with what, odds).
COMPANIONS = (("flag", "boat", 0.12), ("kite", "person", 0.2))


@dataclass(frozen=True)
class Thing:
    """One kind of thing in a scene; places are shares of the picture's side, centre of the group.

    Attributes:
      label: what it is.
      count: one to three of it.
      colour: the colour's name.
      size: "small", "big" or "" in between.
      scale: the factor on the kind's usual size.
      x: from the left.
      y: from the top.
    """

    label: str
    count: int
    colour: str
    size: str
    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class Scene:
    """A theme's scene; `things` are drawn in this order, far ones first."""

    theme: str
    background: str
    things: tuple[Thing, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The background and every kind of thing, in alphabetical order."""
        return tuple(sorted({self.background, *(thing.label for thing in self.things)}))


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draws a scene by chance: one to six labels, three on average."""
    shares = np.array([theme.share for theme in THEMES])
    theme = THEMES[rng.choice(len(THEMES), p=shares / shares.sum())]
    labels = [label for label, odds in theme.odds.items() if rng.random() < odds]
    for label, other, odds in COMPANIONS:
        if other in labels and rng.random() < odds:
            labels.append(label)
    labels = [labels[i] for i in rng.permutation(len(labels))[:_MOST_THINGS]]
    # A thing in the sky and one on the ground may share a column; two on the ground may not.
    columns = rng.permutation(np.linspace(0.16, 0.84, max(len(labels), 2)))
    things = [_sample_thing(label, columns[i], rng) for i, label in enumerate(labels)]
    return Scene(theme.name, theme.background, tuple(sorted(things, key=lambda t: (t.y, t.label))))


def _sample_thing(label: str, column: float, rng: np.random.Generator) -> Thing:
    count = 1 + rng.choice(3, p=_COUNT_ODDS) if label in _SEVERAL else 1
    colours = COLOURS[label]
    likeliest = len(colours) == 1 or rng.random() < _COLOUR_ODDS
    colour = colours[0] if likeliest else colours[rng.integers(1, len(colours))]
    size = ("small", "", "big")[rng.choice(3, p=(0.3, 0.4, 0.3))]
    scale = {"small": 0.6, "": 0.95, "big": 1.35}[size] * rng.uniform(0.9, 1.1)
    y = rng.uniform(0.12, 0.36) if label in SKY else rng.uniform(0.58, 0.84)
    x = np.clip(column + rng.normal(0, 0.05), 0.1, 0.9)
    return Thing(label, int(count), colour, size, float(scale), float(x), float(y))
