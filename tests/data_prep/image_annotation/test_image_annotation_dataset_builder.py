import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.image_annotation.image_annotation_dataset_builder import Builder
from data_prep.image_annotation.published import describe_raw_counts
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder

DUMMY = Path(__file__).parents[3] / "data_prep" / "image_annotation" / "dummy_data"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "corel5k"


def prepared(raw_dir, data_dir, **changes):
    options = {"config": "corel5k", "validation_images": 2, **changes}
    prepare(Builder(data_dir=data_dir, **options), raw_dir)
    builder = find_builder(data_dir, "image_annotation/corel5k")
    return builder, {
        split: {a.image_id: a.labels for a in read_annotations(builder.data_dir, split)}
        for split in builder.info.splits
    }


@pytest.fixture
def raw_dir(tmp_path):
    return Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def test_validation_is_drawn_from_train_and_every_label_is_a_class(raw_dir, tmp_path):
    builder, splits = prepared(raw_dir, tmp_path / "data")
    assert {name: len(images) for name, images in splits.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert not splits["train"].keys() & splits["validation"].keys()
    assert splits["test"]["1006"] == ("sky",)
    assert list(builder.info.metadata["label_names"]) == ["sky", "sea", "sun"]
    text = describe_raw_counts("corel5k", builder.info.metadata["raw_counts"])
    assert "train images" in text and "4,500" in text


def test_the_lists_of_tagprop_find_pictures_in_folders_without_their_ending(raw_dir, tmp_path):
    """The same images and labels in the other form give the same splits."""
    _, expected = prepared(raw_dir, tmp_path / "json")
    labels = {**expected["train"], **expected["validation"], **expected["test"]}
    parts = {"train": [str(1000 + i) for i in range(6)], "test": ["1006", "1007"]}
    for path in (*raw_dir.glob("*.json"), *raw_dir.glob("*.txt")):
        path.unlink()
    (raw_dir / "images" / "1000").mkdir()
    (raw_dir / "images" / "1000.jpeg").rename(raw_dir / "images" / "1000" / "1000.jpeg")
    (raw_dir / "toy_dictionary.txt").write_text("sky\nsea\nsun\n")
    for part, listed in parts.items():
        (raw_dir / f"toy_{part}_list.txt").write_text("".join(f"{n}\n" for n in listed))
        rows = [[name in labels[n] for name in ("sky", "sea", "sun")] for n in listed]
        matrix = np.hstack(
            [np.tile(np.array([3, 0], "<i2"), (len(rows), 1)), np.array(rows, "<i2")]
        )
        (raw_dir / f"toy_{part}_annot.hvecs").write_bytes(matrix.tobytes())
    _, splits = prepared(raw_dir, tmp_path / "lists")
    assert {k: {i: set(x) for i, x in v.items()} for k, v in splits.items()} == {
        k: {i: set(x) for i, x in v.items()} for k, v in expected.items()
    }


def test_what_cannot_be_used_is_counted(raw_dir, tmp_path):
    (raw_dir / "images" / "1000.jpeg").unlink()
    (raw_dir / "test.json").unlink()
    builder, splits = prepared(raw_dir, tmp_path / "data")
    notes = builder.info.metadata["notes"]
    assert list(notes["image missing"]) == ["1000.jpeg"]
    assert list(notes["split 'test' left out, its annotations are missing"]) == ["test.json"]
    assert "test" not in splits


def test_more_validation_images_than_there_are_is_refused(raw_dir, tmp_path):
    with pytest.raises(ValueError, match=r"validation_images=6, 6 training images"):
        prepared(raw_dir, tmp_path / "data", validation_images=6)
    with pytest.raises(ValueError, match="`validation_images` must be at least 1"):
        Builder(data_dir=tmp_path / "data", config="corel5k", validation_images=0)


@pytest.mark.large
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/corel5k")
def test_corel5k_has_its_published_counts(tmp_path):
    builder, splits = prepared(SHARED, tmp_path / "data", validation_images=500)
    assert builder.info.metadata["raw_counts"]["train images"] == 4_500
    assert len(splits["train"]) + len(splits["validation"]) == 4_493
