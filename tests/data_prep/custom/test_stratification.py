import collections
import random

import pytest

from data_prep.custom.stratification import stratify
from data_prep.seeded_draw import drawn_order


def share_out(names_of, sizes, seed=0):
    return stratify(names_of, sizes, drawn_order(seed, names_of))


def bearing(splits, names_of, name):
    return {split: sum(name in names_of[p] for p in part) for split, part in splits.items()}


def test_sizes_are_exact_and_every_picture_is_dealt_once():
    names_of = {f"{i}.jpg": ["a"] * (i % 2) + ["b"] * (i % 3 == 0) for i in range(47)}
    splits = share_out(names_of, {"train": 37, "validation": 5, "test": 5})
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 37,
        "validation": 5,
        "test": 5,
    }
    assert sorted(p for part in splits.values() for p in part) == sorted(names_of)


def test_a_frequent_name_has_its_share_of_each_split():
    names_of = {f"{i}.jpg": ["often"] if i < 60 else [] for i in range(100)}
    splits = share_out(names_of, {"train": 80, "validation": 10, "test": 10})
    assert bearing(splits, names_of, "often") == {"train": 48, "validation": 6, "test": 6}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (5, (3, 1, 1)), (20, (16, 2, 2))],
)
def test_a_rare_name_is_in_every_split_where_there_are_enough(number, expected):
    names_of = {f"{i}.jpg": ["rare"] if i < number else ["other"] for i in range(100)}
    for seed in range(3):
        splits = share_out(names_of, {"train": 80, "validation": 10, "test": 10}, seed)
        assert tuple(bearing(splits, names_of, "rare").values()) == expected


def test_every_name_trains_where_pictures_bear_several():
    names_of = {f"{i}.jpg": [f"n{i % 40}", f"m{i % 7}", f"r{i // 3}"] for i in range(120)}
    splits = share_out(names_of, {"train": 96, "validation": 12, "test": 12})
    trained = collections.Counter(name for p in splits["train"] for name in names_of[p])
    assert len(trained) == 40 + 7 + 40


@pytest.mark.parametrize("seed", range(20))
def test_a_name_trains_though_rarer_names_have_filled_the_training_split(seed):
    draw = random.Random(seed)
    names_of = {f"{i}.jpg": draw.choices("abcdefghijklmnop", k=1 + i % 3) for i in range(20)}
    sizes = {"train": 14, "validation": 3, "test": 3}
    splits = share_out(names_of, sizes)
    trained = {name for p in splits["train"] for name in names_of[p]}
    assert trained == {name for names in names_of.values() for name in names}
    assert {split: len(part) for split, part in splits.items()} == sizes
    assert sorted(p for part in splits.values() for p in part) == sorted(names_of)


def test_names_that_are_more_than_the_training_pictures_are_left_where_they_are():
    names_of = {f"{i}.jpg": [f"n{i}"] for i in range(6)}
    splits = share_out(names_of, {"train": 4, "validation": 1, "test": 1})
    assert [len(part) for part in splits.values()] == [4, 1, 1]


def test_a_split_of_no_pictures_gets_none():
    names_of = {f"{i}.jpg": ["a"] for i in range(5)}
    splits = share_out(names_of, {"train": 4, "validation": 1, "test": 0})
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 0,
    }


def test_many_pictures_are_dealt_quickly():
    names_of = {str(i): ["all", f"n{i % 2000}"] for i in range(20_000)}
    splits = share_out(names_of, {"train": 16_000, "validation": 2_000, "test": 2_000})
    counts = collections.Counter(name for p in splits["test"] for name in names_of[p])
    assert counts["all"] == 2_000
    assert min(counts[f"n{i}"] for i in range(2_000)) == 1


@pytest.mark.parametrize(("common", "rare", "each"), [(30, 11, 3), (220, 45, 4)])
def test_many_rare_names_leave_room_for_a_common_one(common, rare, each):
    names = ["common"] * common + [f"rare{i}" for i in range(rare) for _ in range(each)]
    names_of = {f"{i}.jpg": [name] for i, name in enumerate(names)}
    tenth = len(names) // 10
    splits = share_out(
        names_of, {"train": len(names) - 2 * tenth, "validation": tenth, "test": tenth}
    )
    counts = bearing(splits, names_of, "common")
    assert min(counts["validation"], counts["test"]) >= 0.8 * tenth * common / len(names)
    shown = {name for p in splits["validation"] for name in names_of[p]}
    assert len(shown) > tenth / 3
