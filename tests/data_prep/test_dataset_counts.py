import pytest

from data_prep.dataset_counts import count_split, describe_counts
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.dataset_digests import read_counts_file


def annotations():
    return [
        Annotation(
            "1",
            "1.jpg",
            captions=("A dog.", "Dogs"),
            tokens=(("a", "dog", "."), ("dogs",)),
            labels=("sky", "dog"),
            user_tags=("fun", "art", "new"),
        ),
        Annotation("2", "2.jpg", labels=("sky",)),
        Annotation("3", "3.jpg"),
    ]


def test_a_splits_totals():
    assert count_split(annotations()) == {
        "images": 3,
        "captions": 2,
        "words": 3,
        "labels": 3,
        "images_with_labels": 2,
        "user_tags": 3,
    }


@pytest.fixture
def counts():
    return {
        "dataset": "toy/1.0.0",
        "splits": {"train": count_split(annotations())},
        "distinct_words": 1_234,
        "words_at_least_4_times": 567,
        "coverage": {"100": 0.5, "1000": 0.925},
        "distinct_user_tags": 2_345,
        "kept_user_tags": 9,
        "label_counts": {"sky": 2, "dog": 1},
        "notes": {"image missing": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], "caption empty": ["e"]},
    }


def test_the_counts_are_told(counts):
    text = describe_counts(counts)
    assert text.splitlines()[2].split() == ["train", "3", "2", "3", "1.00", "1.00"]
    assert "1,234 distinct, 567 of them occur 4 times" in text
    assert "100: 50.0%, 1,000: 92.5%" in text
    assert "2,345 distinct, 3.00 an image of the 1,000 most frequent" in text
    assert "training labels (2): sky 2 (66.7%), dog 1 (33.3%)" in text
    assert "image missing: 4 (a.jpg, b.jpg, c.jpg, ... (all in dataset_counts.json))" in text
    assert "caption empty: 1 (e)" in text


def test_what_a_data_set_lacks_is_not_told(counts):
    counts.update(distinct_words=0, coverage={}, label_counts={}, notes={}, kept_user_tags=0)
    text = describe_counts(counts)
    assert "words:" not in text
    assert "labels (" not in text
    assert "user tags:" not in text


def test_no_counts_where_a_preparation_is_unfinished(tmp_path):
    assert read_counts_file(tmp_path) is None
