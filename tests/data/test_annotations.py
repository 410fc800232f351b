import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data.annotations import Annotation, read_annotations, write_annotations


@pytest.fixture
def builder_dir(tiny_builder, tmp_path):
    shutil.copytree(tiny_builder.data_dir, tmp_path / "1.2.0")
    builder = tfds.builder_from_directory(tmp_path / "1.2.0")
    write_annotations(builder)
    return tmp_path / "1.2.0"


def test_annotations_come_back_whole(builder_dir):
    by_id = {a.image_id: a for a in read_annotations(builder_dir, "train")}
    assert len(by_id) == 120
    assert by_id["train_5"] == Annotation(
        image_id="train_5",
        file_name="train_5.jpg",
        captions=("A dog, number 5.", "Zwei Hündchen\n spielen"),
        tokens=(("a", "dog", ",", "number", "5", "."), ("zwei", "hündchen", "spielen")),
        labels=("dog", "cat"),
        user_tags=("fun",),
        groups=("pets",),
    )
    assert by_id["train_6"] == Annotation("train_6", "train_6.jpg", groups=("pets",))


@pytest.mark.parametrize("split", ["train", "validation"])
def test_line_i_is_record_i(builder_dir, split):
    """Held against the shard files themselves, one after another."""
    paths = sorted(Path(builder_dir).glob(f"*-{split}.tfrecord*"))
    assert len(paths) == 3
    ids = []
    for raw in tf.data.TFRecordDataset([str(path) for path in paths]):
        features = tf.train.Example.FromString(raw.numpy()).features.feature
        ids.append(features["image_id"].bytes_list.value[0].decode())
    assert [a.image_id for a in read_annotations(builder_dir, split)] == ids


def test_unknown_splits_list_the_known(builder_dir):
    with pytest.raises(ValueError, match=r"one of train, validation. Received: split='dev'"):
        read_annotations(builder_dir, "dev")


def test_an_empty_split_is_refused(builder_dir):
    path = builder_dir / "dataset_info.json"
    info = json.loads(path.read_text())
    for split in info["splits"]:
        split["shardLengths"] = ["0"] if split["name"] == "validation" else split["shardLengths"]
    path.write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"must hold images: it is empty.*split='validation'"):
        read_annotations(builder_dir, "validation")


def test_missing_annotations_name_the_fix(builder_dir):
    (builder_dir / "annotations" / "train.jsonl").unlink()
    with pytest.raises(ValueError, match=r"run the prepare command again.*train\.jsonl"):
        read_annotations(builder_dir, "train")


def test_a_file_of_another_length_is_refused(builder_dir):
    path = builder_dir / "annotations" / "train.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=r"120 images of 'train'.*119 lines in .*train\.jsonl"):
        read_annotations(builder_dir, "train")


def test_a_truncated_file_is_refused_with_its_line(builder_dir):
    path = builder_dir / "annotations" / "train.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"line 120 is cut short.*train\.jsonl"):
        read_annotations(builder_dir, "train")


@pytest.mark.parametrize("damage", ["{", "[]", '{"image_id": "1"}', '{"tokens": 3}', "null"])
def test_a_damaged_line_is_refused_with_its_number(builder_dir, damage):
    path = builder_dir / "annotations" / "train.jsonl"
    lines = path.read_text().split("\n")
    lines[2] = damage
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"whole annotations.*train\.jsonl', line 3: "):
        read_annotations(builder_dir, "train")
