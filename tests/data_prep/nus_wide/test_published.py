import numpy as np

from data_prep.nus_wide.image_list import Photo
from data_prep.nus_wide.published import count_raw_set, describe_raw_counts, shown
from data_prep.nus_wide.raw_set import RawSet


def raw_set():
    return RawSet(
        photos=[Photo(str(i), "a", f"{i}.jpg") for i in range(3)],
        concepts=["map", "sky"],
        labels=np.array([[1, 1], [0, 0], [0, 1]], bool),
        user_tags=[("x", "y"), ("z",), ("x",)],
        tag_source="All_Tags.txt",
    )


def test_counts_are_over_the_images_with_a_label():
    assert count_raw_set(raw_set(), 1) == {
        "images": 3,
        "labels": 2,
        "images with a label": 2,
        "labels an image": 1.5,
        "images of sky": 2,
        "images of map": 1,
        "different user tags": 3,
        "user tags an image": 1.5,
        "user tags an image, 1,000 kept": 1.5,
        "pictures of images with a label": 1,
        "user tags from": "All_Tags.txt",
    }


def test_only_the_most_frequent_tags_are_kept():
    many = raw_set()
    tags = [(), ("rare",), tuple(f"t{i}" for i in range(1_000))]
    tags[0] = tags[2]
    counts = count_raw_set(RawSet(many.photos, many.concepts, np.ones((3, 2), bool), tags, ""), 3)
    assert counts["user tags an image"] == 2_001 / 3
    assert counts["user tags an image, 1,000 kept"] == 2_000 / 3


def test_the_published_counts_stand_beside():
    lines = [line.split() for line in describe_raw_counts(count_raw_set(raw_set(), 1)).splitlines()]
    assert lines[1] == ["images", "3", "269,648"]
    assert lines[3][-2:] == ["2", "209,347"]
    assert lines[4][-2:] == ["1.50", "2.40"]
    assert lines[5][-2:] == ["2", "74,190"]
    assert lines[6][-2:] == ["1", "60"]
    assert lines[7][-2:] == ["3", "5,018"]
    assert lines[8][-2:] == ["1.50", "8.73"]
    assert lines[9][-2:] == ["1.50", "6.10"]
    assert lines[10][-1] == "1"


def test_the_first_few_names():
    assert shown(["a", "b"]) == "a, b"
    assert shown(["a", "b", "c", "d"]) == "a, b, c, ..."
