import pytest

from data_prep.nus_wide.image_list import Photo
from data_prep.nus_wide.splits import LABELLED, drawn_splits, official_splits


def sizes(splits):
    return {split: len(ids) for split, ids in splits.items()}


@pytest.fixture(scope="module")
def photo_ids():
    return [str(i) for i in range(LABELLED)]


@pytest.fixture(scope="module")
def paper(photo_ids):
    return drawn_splits(photo_ids, False, 0.05, 1)


@pytest.fixture(scope="module")
def printed(photo_ids):
    return drawn_splits(photo_ids, True, 0.05, 1)


def test_the_papers_sizes(paper, photo_ids):
    assert sizes(paper) == {"train": 142_500, "validation": 7_500, "test": 59_347}
    assert set.union(*paper.values()) == set(photo_ids)


def test_the_printed_sizes_with_the_same_test(paper, printed):
    assert sizes(printed) == {"train": 15_000, "validation": 750, "test": 59_347}
    assert len(set.union(*printed.values())) == 15_000 + 750 + 59_347
    assert printed["test"] == paper["test"]


def test_no_validation():
    ids = [str(i) for i in range(100)]
    assert sizes(drawn_splits(ids, False, 0, 1)) == {"train": 72, "test": 28}


def test_the_seed_draws():
    ids = [str(i) for i in range(100)]
    assert drawn_splits(ids, False, 0.1, 1) == drawn_splits(ids[::-1], False, 0.1, 1)
    assert drawn_splits(ids, False, 0.1, 1) != drawn_splits(ids, False, 0.1, 2)


def photos(*ids):
    return [Photo(str(i), "a", f"{i}.jpg") for i in ids]


def test_the_official_lists_less_the_unlabelled():
    labelled = [str(i) for i in range(100) if i % 10]
    splits = official_splits(labelled, photos(*range(60)), photos(*range(60, 100)), 0.1, 1)
    assert sizes(splits) == {"train": 49, "validation": 5, "test": 36}
    assert splits["train"] | splits["validation"] == {i for i in labelled if int(i) < 60}
    assert splits["test"] == {i for i in labelled if int(i) >= 60}


def test_a_photo_in_both_lists_is_refused():
    with pytest.raises(ValueError, match=r"without a common photo. Received: 1 in both, such as 2"):
        official_splits(["1"], photos(1, 2), photos(2, 3), 0.1, 1)
