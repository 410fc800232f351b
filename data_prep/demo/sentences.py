"""Captions of drawn scenes, five paraphrases from a small grammar, and noisy user tags."""

import re
from collections.abc import Callable

import numpy as np

from data_prep.demo.scenes import ACTIVITIES, LABELS, SKY, Scene, Thing

NUM_CAPTIONS = 5
_PLURALS = {"cactus": "cacti", "fish": "fish", "person": "people"}
# Synonyms, used occasionally in captions and user tags.
_OTHER_WORDS = {
    "ball": "toy",
    "boat": "ship",
    "car": "vehicle",
    "dog": "puppy",
    "flower": "blossom",
    "house": "cottage",
    "person": "child",
    "picnic": "lunch",
    "race": "contest",
    "rocket": "spaceship",
    "tree": "plant",
}
_COUNT_WORDS = {2: "two", 3: "three"}
_PLACES = {
    "grass": ("on the grass", "in a green field"),
    "sea": ("on the sea", "in the blue water"),
    "night": ("at night", "in the dark"),
    "snow": ("in the snow", "on a white field"),
    "desert": ("in the desert", "on the sand"),
}
# For scenes whose things are all in the sky.
_PLACES_FROM_SKY = {
    "grass": ("above the grass", "over a green field"),
    "sea": ("above the sea", "over the blue water"),
    "night": ("at night", "in the dark"),
    "snow": ("above the snow", "over a white field"),
    "desert": ("above the desert", "over the sand"),
}
_OCCASIONS = {"picnic": "for a picnic", "race": "during a race", "training": "in training"}
_ACTIVITY_PROBABILITY = 0.5
# Templates of captions by the number of things: none, one, two or more.
_TEMPLATES = (
    ("{empty}", "{nothing_but}", "a picture of {empty}"),
    ("{first} {place}", "there {is} {first} {place}", "{first} {is} {place}"),
    (
        "{first} {where} {second} {place}",
        "{second} {other_way} {first} {place}",
        "{list} {place}",
        "there {is} {first} and {second} {place}",
        "{first} {is} {where} {second} {place}",
        "{first} {place} with {second}",
    ),
)
_EMPTY = {
    "grass": ("an empty field of green grass", "nothing but grass"),
    "sea": ("the empty blue sea", "nothing but blue water"),
    "night": ("an empty dark night", "nothing but a dark sky"),
    "snow": ("an empty white field of snow", "nothing but snow"),
    "desert": ("an empty desert of sand", "nothing but sand"),
}
_TAG_TOPICS = {
    "grass": ("summer", "nature", "green"),
    "sea": ("water", "ocean", "blue"),
    "night": ("dark", "evening", "sky"),
    "snow": ("winter", "cold", "white"),
    "desert": ("sand", "travel", "dry"),
}
# fmt: off
_TAG_NOISE = (
    "2009", "2010", "art", "beautiful", "camera", "canon", "cute", "drawing",
    "family", "favourite", "film", "friends", "fun", "holiday", "life", "light",
    "nikon", "photo", "picture", "square", "sunday", "weekend",
)
# fmt: on
_KEEP_TAG, _OTHER_TAG, _TOPIC_TAG, _WRONG_TAG, _NOISE_TAGS = 0.4, 0.25, 0.35, 0.02, 1.5


def captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Returns five captions with things, colours, counts, relations, background and activities."""
    templates = _TEMPLATES[min(len(scene.things), 2)]
    chosen = rng.permutation(
        np.resize(np.arange(len(templates)), max(NUM_CAPTIONS, len(templates)))
    )
    fields = _fields(scene, rng)
    sentences = []
    for number in chosen[:NUM_CAPTIONS]:
        # Fields draw their words in the order in which the template names them.
        sentence = re.sub(r"{(\w+)}", lambda field: fields[field[1]](), templates[number])
        for activity in sorted(set(scene.labels) & set(ACTIVITIES)):
            if rng.random() < _ACTIVITY_PROBABILITY:
                sentence += f" {_OCCASIONS[activity]}"
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return sentences


def user_tags(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Returns noisy tags as on photo sites: some labels, some wrong ones and unrelated words."""
    tags = set()
    for label in scene.labels:
        if rng.random() < _KEEP_TAG:
            other = label in _OTHER_WORDS and rng.random() < _OTHER_TAG
            tags.add(_OTHER_WORDS[label] if other else label)
    topics = _TAG_TOPICS[scene.background]
    tags.update(topic for topic in topics if rng.random() < _TOPIC_TAG)
    tags.update(label for label in LABELS if rng.random() < _WRONG_TAG)
    noise = rng.permutation(len(_TAG_NOISE))[: rng.poisson(_NOISE_TAGS)]
    tags.update(_TAG_NOISE[i] for i in noise)
    return sorted(tags)


def relation(first: Thing, second: Thing) -> str:
    """Returns the position of `first` relative to `second`, such as "left of"."""
    if first.label in SKY and second.label not in SKY:
        return "above"
    if second.label in SKY and first.label not in SKY:
        return "below"
    if first.label == "person" and second.label == "boat" and _near(first, second):
        return "in"
    if _near(first, second):
        return "in front of" if first.y > second.y else "behind"
    return "left of" if first.x < second.x else "right of"


def _near(first: Thing, second: Thing) -> bool:
    return abs(first.x - second.x) < 0.15


def _phrase(thing: Thing, rng: np.random.Generator) -> str:
    """Returns count, size, colour and kind, as in "two small red boats"."""
    noun = thing.label
    if noun in _OTHER_WORDS and rng.random() < 0.1:
        noun = _OTHER_WORDS[noun]
    if thing.count > 1:
        noun = _PLURALS.get(noun, "children" if noun == "child" else f"{noun}s")
    words = [noun]
    if rng.random() < 0.8:
        words = [noun, "in", thing.colour] if thing.label == "person" else [thing.colour, noun]
    if thing.size and rng.random() < 0.6:
        words.insert(0, thing.size)
    article = "an" if words[0][0] in "aeiou" else "a"
    return " ".join([_COUNT_WORDS.get(thing.count, article), *words])


def _place(scene: Scene, rng: np.random.Generator) -> str:
    in_sky = all(thing.label in SKY for thing in scene.things)
    places = _PLACES_FROM_SKY if in_sky else _PLACES
    return places[scene.background][int(rng.random() < 0.35)]


def _list(things: list[Thing], rng: np.random.Generator) -> str:
    *phrases, last = (_phrase(thing, rng) for thing in things[:3])
    return f"{', '.join(phrases)} and {last}"


def _fields(scene: Scene, rng: np.random.Generator) -> dict[str, Callable[[], str]]:
    """Returns the fields of `_TEMPLATES`; captions name the largest thing first."""
    things = sorted(scene.things, key=lambda t: (-t.scale * t.count, t.label))
    empty, nothing_but = _EMPTY[scene.background]
    return {
        "empty": lambda: empty,
        "nothing_but": lambda: nothing_but,
        "first": lambda: _phrase(things[0], rng),
        "second": lambda: _phrase(things[1], rng),
        "list": lambda: _list(things, rng),
        "where": lambda: relation(things[0], things[1]),
        "other_way": lambda: relation(things[1], things[0]),
        "is": lambda: "is" if things[0].count == 1 else "are",
        "place": lambda: _place(scene, rng),
    }
