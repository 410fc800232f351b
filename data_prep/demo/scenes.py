"""Random contents of drawn scenes: things with counts, sizes, colours and positions.

Labels depend on each other, so that a relational model has something to learn. Themes decide which
labels occur together (a flag needs a boat), and make some labels rare, so that their order matters.
Activities are labels that are not drawn: an activity follows from the weather and the luggage
(dog, ball or car) together, which lie far apart in the picture, and from neither alone.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

BACKGROUNDS = ("grass", "sea", "night", "snow", "desert")
# The colours of each kind of thing, the most likely first.
COLOURS = {
    "ball": ("red", "yellow", "blue"),
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
# A kite stands for wind. The table is a Latin square: each row and column has each activity once.
WEATHERS = ("sun", "cloud", "kite")
ACTIVITIES_BY_WEATHER = {
    "dog": ("picnic", "training", "race"),
    "ball": ("training", "race", "picnic"),
    "car": ("race", "picnic", "training"),
}
ACTIVITIES = ("picnic", "race", "training")
LABELS = tuple(sorted((*BACKGROUNDS, *COLOURS, *ACTIVITIES)))
SKY = frozenset({"cloud", "kite", "moon", "rocket", "star", "sun"})
_SEVERAL = frozenset({"cloud", "fish", "flower", "house", "star", "tree"})
_MOST_THINGS = 4
_COUNT_ODDS = (0.62, 0.24, 0.14)
_COLOUR_ODDS = 0.6


@dataclass(frozen=True)
class Theme:
    """A kind of scene, whose name is the group of its images.

    `share` is relative to the other themes' shares; `odds` has probabilities of kinds of things.
    """

    name: str
    background: str
    share: float
    odds: dict[str, float]


THEMES = (
    Theme("garden", "grass", 0.2, {"house": 0.35, "flower": 0.55, "tree": 0.35}),
    Theme("park", "grass", 0.18, {"person": 0.55, "tree": 0.3, "sun": 0.15}),
    Theme("harbour", "sea", 0.14, {"boat": 0.8, "lighthouse": 0.22, "cloud": 0.1}),
    Theme("calm sea", "sea", 0.11, {"fish": 0.75, "boat": 0.25, "sun": 0.15}),
    Theme("starry sky", "night", 0.09, {"star": 0.75, "moon": 0.5, "rocket": 0.24}),
    Theme("village", "night", 0.08, {"house": 0.8, "moon": 0.35, "star": 0.3}),
    Theme("winter", "snow", 0.13, {"snowman": 0.5, "tree": 0.45, "person": 0.2}),
    Theme("desert", "desert", 0.07, {"cactus": 0.6, "sun": 0.2, "pyramid": 0.3}),
)
# Things that occur only beside another thing: (thing, other thing, probability).
COMPANIONS = (("flag", "boat", 0.18),)
# Probabilities of an outing, and on an outing of each weather and of each kind of luggage.
OUTING_ODDS = 0.5
_WEATHER_ODDS = (0.5, 0.3, 0.2)
_LUGGAGE_ODDS = (0.4, 0.35, 0.25)
# Probabilities of none, one and two other things on an outing.
_OTHERS_ODDS = (0.86, 0.08, 0.06)
# Probability of one thing of an outing in a scene without an outing.
_ALONE_ODDS = 0.08


@dataclass(frozen=True)
class Thing:
    """A group of one to three things of one kind in a scene.

    Attributes:
      label: the kind of thing.
      count: number of things, 1 to 3.
      colour: the colour's name.
      size: "small", "big", or "" for a medium size.
      scale: factor on the kind's usual size.
      x: centre of the group from the left, as a share of the picture's side.
      y: centre of the group from the top, as a share of the picture's side.
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
    """The contents of a scene; `things` are in drawing order, from far to near."""

    theme: str
    background: str
    things: tuple[Thing, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The background, the kinds of things and the activities, in alphabetical order."""
        seen = {thing.label for thing in self.things}
        return tuple(sorted({self.background, *seen, *activities(seen)}))


def activities(labels: Collection[str]) -> tuple[str, ...]:
    """Returns the activities that follow from a scene's labels, in alphabetical order."""
    names = {
        by_weather[WEATHERS.index(weather)]
        for luggage, by_weather in ACTIVITIES_BY_WEATHER.items()
        for weather in WEATHERS
        if luggage in labels and weather in labels
    }
    return tuple(sorted(names))


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draws a random scene with one to six labels, three on average."""
    shares = np.array([theme.share for theme in THEMES])
    theme = THEMES[rng.choice(len(THEMES), p=shares / shares.sum())]
    labels = [label for label, odds in theme.odds.items() if rng.random() < odds]
    labels += [
        label for label, other, odds in COMPANIONS if other in labels and rng.random() < odds
    ]
    labels = [labels[i] for i in rng.permutation(len(labels))]
    if rng.random() < OUTING_ODDS:
        weather = WEATHERS[rng.choice(len(WEATHERS), p=_WEATHER_ODDS)]
        if theme.background == "night" and weather == "sun":
            weather = "cloud"
        luggage = tuple(ACTIVITIES_BY_WEATHER)[rng.choice(len(_LUGGAGE_ODDS), p=_LUGGAGE_ODDS)]
        others = [label for label in labels if label not in WEATHERS]
        labels = [weather, luggage, *others[: rng.choice(3, p=_OTHERS_ODDS)]]
    elif rng.random() < _ALONE_ODDS:
        alone = ("cloud", "kite", *ACTIVITIES_BY_WEATHER)
        labels.append(alone[rng.integers(len(alone))])
    labels = list(dict.fromkeys(labels))[:_MOST_THINGS]
    # Each group has its own column, so that groups on the ground do not cover each other.
    columns = rng.permutation(np.linspace(0.16, 0.84, max(len(labels), 2)))
    things = [_sample_thing(label, columns[i], rng) for i, label in enumerate(labels)]
    return Scene(theme.name, theme.background, tuple(sorted(things, key=lambda t: (t.y, t.label))))


def _sample_thing(label: str, column: float, rng: np.random.Generator) -> Thing:
    count = 1 + rng.choice(3, p=_COUNT_ODDS) if label in _SEVERAL else 1
    colours = COLOURS[label]
    likeliest = len(colours) == 1 or rng.random() < _COLOUR_ODDS
    colour = colours[0] if likeliest else colours[rng.integers(1, len(colours))]
    size = ("small", "", "big")[rng.choice(3, p=(0.3, 0.4, 0.3))]
    scale = {"small": 1.0, "": 1.25, "big": 1.55}[size] * rng.uniform(0.9, 1.1)
    y = rng.uniform(0.12, 0.36) if label in SKY else rng.uniform(0.58, 0.84)
    x = np.clip(column + rng.normal(0, 0.05), 0.1, 0.9)
    return Thing(label, int(count), colour, size, float(scale), float(x), float(y))
