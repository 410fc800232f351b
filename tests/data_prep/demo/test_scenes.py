import collections
import itertools

import numpy as np
import pytest

from data_prep.demo.scenes import (
    ACTIVITIES,
    ACTIVITIES_BY_WEATHER,
    BACKGROUNDS,
    LABELS,
    WEATHERS,
    activities,
    sample_scene,
)


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(np.random.default_rng([3, i])) for i in range(3_000)]


@pytest.fixture(scope="module")
def shares(scenes):
    counts = collections.Counter(label for scene in scenes for label in scene.labels)
    return {label: count / len(scenes) for label, count in counts.items()}


def test_one_to_six_labels_three_on_average(scenes):
    numbers = [len(scene.labels) for scene in scenes]
    assert set(numbers) == {1, 2, 3, 4, 5, 6}
    assert 2.8 < np.mean(numbers) < 3.3


def test_labels_are_strongly_imbalanced(shares):
    assert set(shares) == set(LABELS)
    assert 0.33 < max(shares.values()) < 0.45
    assert 0.008 < min(shares.values()) < 0.02
    assert sum(share < 0.05 for share in shares.values()) >= 5


def test_labels_lean_on_each_other(scenes, shares):
    together = collections.Counter(
        pair for scene in scenes for pair in itertools.permutations(scene.labels, 2)
    )
    for first, second in (("flag", "boat"), ("boat", "sea"), ("moon", "night"), ("star", "moon")):
        share = together[first, second] / (shares[first] * len(scenes))
        assert share > 2 * shares[second], (first, second)


def test_every_scene_has_one_background(scenes):
    assert all(len(set(scene.labels) & set(BACKGROUNDS)) == 1 for scene in scenes)


def test_activities_follow_from_luggage_and_weather_together():
    assert activities({"dog", "sun"}) == ("picnic",)
    assert activities({"dog", "cloud", "kite"}) == ("race", "training")
    assert activities({"dog", "boat"}) == ()
    assert activities({"sun"}) == ()


def test_neither_luggage_nor_weather_tells_the_activity_alone():
    """A Latin square: each row and each column holds every activity once."""
    rows = list(ACTIVITIES_BY_WEATHER.values())
    assert all(sorted(row) == sorted(ACTIVITIES) for row in rows)
    assert all(sorted(column) == sorted(ACTIVITIES) for column in zip(*rows, strict=True))
    assert len(rows) == len(WEATHERS) == 3


def test_the_sun_never_shines_at_night(scenes):
    assert not any({"sun", "night"} <= set(scene.labels) for scene in scenes)


def test_groups_of_things_are_in_the_picture(scenes):
    for thing in (thing for scene in scenes for thing in scene.things):
        assert 0 < thing.x < 1
        assert 0 < thing.y < 1
        assert 1 <= thing.count <= 3


def test_a_scene_hangs_on_its_seed_alone():
    first, again = (sample_scene(np.random.default_rng([3, 5])) for _ in range(2))
    assert first == again
    assert first != sample_scene(np.random.default_rng([4, 5]))
