import json

import pytest

from data_prep.karpathy_splits import read_karpathy_splits


@pytest.fixture
def write(tmp_path):
    def write_json(content):
        path = tmp_path / "dataset_toy.json"
        path.write_text(json.dumps(content))
        return path

    return write_json


def image(name, split):
    sentences = [{"raw": "A dog.", "tokens": ["a", "dog"], "imgid": 0, "sentid": 0}]
    return {"filename": name, "split": split, "sentences": sentences, "sentids": [0]}


def test_the_rest_of_validation_is_trained_on(write):
    images = [image("b", "test"), image("a", "restval"), image("c", "val"), image("d", "train")]
    splits = read_karpathy_splits(write({"images": images, "dataset": "coco"}))
    assert list(splits.items()) == [
        ("b", "test"),
        ("a", "train"),
        ("c", "validation"),
        ("d", "train"),
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([], "no list 'images'"),
        ({"images": {}}, "no list 'images'"),
        ({"images": [image("a", "val"), image("b", "dev")]}, "image 2: .*'b'"),
        ({"images": [{"split": "val"}]}, "image 1: {'split': 'val'}"),
        ({"images": [image("a", "val"), image("a", "test")]}, "image 2: 'a' again"),
    ],
)
def test_other_files_are_refused_with_the_image(write, content, what):
    with pytest.raises(ValueError, match=rf"train, restval, val, test\. .*toy\.json', {what}"):
        read_karpathy_splits(write(content))
