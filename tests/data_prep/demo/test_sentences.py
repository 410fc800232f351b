import collections

import numpy as np
import pytest

from data_prep.demo.scenes import LABELS, Scene, Thing, sample_scene
from data_prep.demo.sentences import captions, relation, user_tags
from semreg_tf.data.text import tokenize


def thing(label, x=0.5, y=0.7, **changes):
    values = {"count": 1, "colour": "red", "size": "", "scale": 1.0, **changes}
    return Thing(label, x=x, y=y, **values)


def words_of(scene, draws=20):
    rng = np.random.default_rng(0)
    return {word for _ in range(draws) for c in captions(scene, rng) for word in tokenize(c)}


@pytest.fixture(scope="module")
def scenes():
    rngs = [np.random.default_rng([5, i]) for i in range(600)]
    return [(sample_scene(rng), rng) for rng in rngs]


def test_five_sentences_each(scenes):
    for scene, rng in scenes:
        sentences = captions(scene, rng)
        assert len(sentences) == 5
        assert all(s.endswith(".") and s[0].isupper() and "  " not in s for s in sentences)


def test_sentences_paraphrase(scenes):
    rich = [captions(scene, rng) for scene, rng in scenes if len(scene.things) > 1]
    assert np.mean([len(set(sentences)) for sentences in rich]) > 4.9


def test_the_language_is_small(scenes):
    words = collections.Counter(
        word
        for scene, rng in scenes
        for caption in captions(scene, rng)
        for word in tokenize(caption)
    )
    assert 70 < len(words) < 120


def test_everything_is_said_by_someone():
    boats = thing("boat", count=2, colour="white", size="small", scale=1.2)
    scene = Scene("any", "sea", (boats, thing("sun", y=0.2, colour="yellow")))
    expected = {"two", "small", "white", "boats", "yellow", "sun", "sea", "above", "below"}
    assert expected <= words_of(scene)


def test_activities_are_said():
    scene = Scene("any", "grass", (thing("dog"), thing("sun", y=0.2)))
    assert "picnic" in words_of(scene)


def test_an_empty_scene_can_be_described():
    words = words_of(Scene("any", "desert", ()))
    assert {"empty", "desert", "nothing"} <= words


def test_a_lone_thing_in_the_sky_is_not_on_the_ground():
    words = words_of(Scene("any", "snow", (thing("cloud", y=0.2),)))
    assert "above" in words
    assert "in" not in words


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (thing("sun", y=0.2), thing("tree"), "above"),
        (thing("tree"), thing("sun", y=0.2), "below"),
        (thing("tree", x=0.2), thing("house", x=0.8), "left of"),
        (thing("tree", x=0.8), thing("house", x=0.2), "right of"),
        (thing("tree", y=0.8), thing("house", y=0.6), "in front of"),
        (thing("tree", y=0.6), thing("house", y=0.8), "behind"),
        (thing("person"), thing("boat"), "in"),
        (thing("person", x=0.1), thing("boat", x=0.9), "left of"),
    ],
)
def test_relations(first, second, expected):
    assert relation(first, second) == expected


def test_grammar_of_counts():
    people = Scene("any", "snow", (thing("person", count=2), thing("cactus", count=3)))
    words = words_of(people, draws=60)
    assert {"people", "children", "cacti", "two", "three", "are"} <= words
    assert not {"persons", "childs"} & words
    assert "an" in words_of(Scene("any", "sea", (thing("fish", colour="orange"),)))


def test_user_tags_help_a_little_and_no_more(scenes):
    tags = [(set(scene.labels), user_tags(scene, rng)) for scene, rng in scenes]
    kept = sum(len(labels & set(given)) for labels, given in tags)
    given = [tag for _, names in tags for tag in names]
    true_share = kept / sum(len(labels) for labels, _ in tags)
    assert 0.25 < true_share < 0.55
    wrong = sum(len((set(names) & set(LABELS)) - labels) for labels, names in tags)
    assert wrong > 0.1 * kept
    assert sum(tag not in LABELS for tag in given) > 0.3 * len(given)
    assert all(len(set(names)) == len(names) for _, names in tags)
    assert 50 < len(set(given)) < 90
