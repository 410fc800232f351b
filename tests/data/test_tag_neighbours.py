"""Nearest pictures by user tags against a search through all pairs, and what is kept on disk."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import batch, tag_neighbours
from semreg_tf.data.tag_neighbours import Neighbours, TagSets, load_or_find, nearest_by_tags

COUNT = 4


def tag_sets(sets, num_tags=30, prefix="image"):
    rows = [np.array(sorted(own), np.int32) for own in sets]
    splits = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    flat = np.concatenate([*rows, np.zeros(0, np.int32)])
    names = np.array([f"{prefix}{i}" for i in range(len(rows))], object)
    return TagSets(names, flat, splits, num_tags)


def drawn(number, seed, most=6):
    """Few tags, so that many pairs tie; a tenth of the pictures has none."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 31)
    return [
        set()
        if rng.random() < 0.1
        else set(rng.choice(30, rng.integers(1, most), replace=False, p=shares / shares.sum()))
        for _ in range(number)
    ]


def brute_force(sets, pool, own, count):
    found = np.full((len(sets), count), -1)
    for row, tags in enumerate(sets):
        scored = [
            (-len(tags & other) / len(tags | other), i)
            for i, other in enumerate(pool)
            if tags & other and i != own[row]
        ]
        best = [i for _, i in sorted(scored)[:count]]
        found[row, : len(best)] = best
    return found


@pytest.mark.parametrize("sampled", [3, 4096])
def test_neighbours_are_those_of_a_search_through_all_pairs(monkeypatch, sampled):
    monkeypatch.setattr(tag_neighbours, "BLOCK_ROWS", 7)
    monkeypatch.setattr(tag_neighbours, "_SAMPLED", sampled)
    sets = drawn(150, seed=1)
    images = tag_sets(sets)
    found = np.concatenate(list(nearest_by_tags(images, images, COUNT)))
    want = brute_force(sets, sets, range(150), COUNT)
    np.testing.assert_array_equal(found, want)
    # The draw has what the readings are about: ties, pictures without tags, too few neighbours.
    assert (want == -1).all(axis=1).any()
    some = list(nearest_by_tags(images, images, COUNT, first=20))
    np.testing.assert_array_equal(np.concatenate(some), want[20:])


def test_tags_that_are_stored_dense_count_as_the_others(monkeypatch):
    sets = drawn(80, seed=2)
    images = tag_sets(sets)
    made = []
    for frequent in (0.0, 2.0):
        monkeypatch.setattr(tag_neighbours, "_FREQUENT", frequent)
        made.append(np.concatenate(list(nearest_by_tags(images, images, COUNT))))
    np.testing.assert_array_equal(*made)


def test_sets_of_more_tags_than_a_byte_counts():
    # 260 shared tags are 4 in a byte, fewer than 100.
    large = [set(range(400)), set(range(260)), set(range(100)), {0}]
    images = tag_sets(large, num_tags=400)
    found = np.concatenate(list(nearest_by_tags(images, images, 2)))
    np.testing.assert_array_equal(found, brute_force(large, large, range(4), 2))


def test_a_picture_is_told_from_itself_by_its_id_wherever_it_stands():
    sets = [{1, 2}, {1, 2}, {3}]
    images = tag_sets(sets)
    backwards = tag_sets(sets[::-1])
    pool = dataclasses.replace(backwards, image_ids=images.image_ids[::-1])
    assert np.concatenate(list(nearest_by_tags(images, pool, 2))).tolist() == [
        [1, -1],
        [2, -1],
        [-1, -1],
    ]
    # Other pictures of the same tags are neighbours, though they stand in the same rows.
    others = tag_sets(sets, prefix="other")
    assert np.concatenate(list(nearest_by_tags(images, others, 2))).tolist() == [
        [0, 1],
        [0, 1],
        [2, -1],
    ]


def test_found_once_for_what_they_hang_on(tmp_path, monkeypatch):
    sets = drawn(60, seed=3)
    images = tag_sets(sets)
    first = load_or_find(tmp_path, images, images, COUNT)
    np.testing.assert_array_equal(first, brute_force(sets, sets, range(60), COUNT))

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(tag_neighbours, "nearest_by_tags", refuse)
    np.testing.assert_array_equal(load_or_find(tmp_path, images, images, COUNT), first)
    changed = [*sets[:-1], sets[-1] ^ {5}]
    renamed = TagSets(images.image_ids[::-1], images.ids, images.row_splits, images.num_tags)
    for others in ((tag_sets(changed), images), (images, tag_sets(changed)), (renamed, images)):
        with pytest.raises(AssertionError, match="computed again"):
            load_or_find(tmp_path, *others, COUNT)
    with pytest.raises(AssertionError, match="computed again"):
        load_or_find(tmp_path, images, images, COUNT + 1)
    monkeypatch.undo()
    assert load_or_find(tmp_path, images, images, COUNT + 1).shape == (60, COUNT + 1)
    # Each has a file of its own: neither takes the other's place.
    monkeypatch.setattr(tag_neighbours, "nearest_by_tags", refuse)
    np.testing.assert_array_equal(load_or_find(tmp_path, images, images, COUNT), first)


def test_an_interrupted_search_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(tag_neighbours, "BLOCK_ROWS", 5)
    sets = drawn(40, seed=4)
    images, asked = tag_sets(sets), []
    find = tag_neighbours.nearest_by_tags

    def stopping(images, pool, count, first):
        asked.append(first)
        for number, block in enumerate(find(images, pool, count, first)):
            if len(asked) == 1 and number == 3:
                raise KeyboardInterrupt
            yield block

    monkeypatch.setattr(tag_neighbours, "nearest_by_tags", stopping)
    with pytest.raises(KeyboardInterrupt):
        load_or_find(tmp_path, images, images, COUNT)
    found = load_or_find(tmp_path, images, images, COUNT)
    assert asked == [0, 15]
    np.testing.assert_array_equal(found, brute_force(sets, sets, range(40), COUNT))


def test_pools_whose_rows_a_float32_cannot_tell_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tag_neighbours, "_MOST_IMAGES", 3)
    images = tag_sets([{1}, {2}, {3}])
    message = re.escape("`pool` must have fewer than 3 pictures. Received: 3")
    with pytest.raises(ValueError, match=message):
        load_or_find(tmp_path, images, images, COUNT)
    assert not list(tmp_path.iterdir())


def test_tensors_are_the_centre_view_of_those_there():
    features = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("f")
    rows = np.array([[4, 1, 0], [2, -1, -1], [-1, -1, -1]])
    made = Neighbours(rows, features).tensors(tf.constant([2, 0, 1], tf.int64))
    want = np.zeros((3, 3, 3), "f")
    want[1], want[2, 0] = features[[4, 1, 0], 0], features[2, 0]
    np.testing.assert_array_equal(made[batch.NEIGHBOUR_FEATURES], want)
    np.testing.assert_array_equal(made[batch.NEIGHBOUR_MASK], rows[[2, 0, 1]] >= 0)
    assert made[batch.NEIGHBOUR_FEATURES].dtype == tf.float32
