"""What lies beside the shards cannot be exchanged unnoticed."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import DataConfig
from semreg_tf.data import dataset_digests
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.dataset_digests import check_dataset_files, content_digests, content_key
from semreg_tf.data.input_pipeline import load_split
from semreg_tf.data.record_errors import DamagedRecordError
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies

TAGS = DataConfig(task="tags")


@pytest.fixture
def folder(demo_data, tmp_path):
    return shutil.copytree(demo_data / "demo", tmp_path / "demo") / "1.0.0"


def without_digests(folder):
    path = folder / "dataset_counts.json"
    counts = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in counts.items() if k not in ("digests", "sha256")}))


def swap(first, second):
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def read_all(folder, split="test"):
    builder = find_builder(folder.parents[1], "demo")
    vocabularies = Vocabularies.from_dataset(folder, TAGS)
    loaded = load_split(builder, split, vocabularies, TAGS)
    return loaded.record_reader().read(np.arange(loaded.num_images))


def test_every_file_beside_the_shards_has_a_digest(folder):
    counts = json.loads((folder / "dataset_counts.json").read_text())
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    shards = {name for name in there if ".tfrecord" in name}
    assert set(counts["digests"]) == there - shards - {"dataset_counts.json"}
    assert len(read_all(folder)) == 8


def test_annotations_of_two_splits_swapped_are_refused(folder):
    swap(folder / "annotations" / "test.jsonl", folder / "annotations" / "validation.jsonl")
    with pytest.raises(ValueError, match=r"`data_dir` must hold annotations/test\.jsonl as it was"):
        read_all(folder)


def test_shards_of_two_splits_swapped_are_refused_with_split_and_row(folder):
    swap(*(next(folder.glob(f"*-{split}.tfrecord*")) for split in ("test", "validation")))
    with pytest.raises(
        DamagedRecordError, match=r"row 0 of test is image 'demo_00040' in .*demo-test"
    ):
        read_all(folder)


@pytest.mark.parametrize("order", ["shuffled", "swapped"])
def test_without_digests_the_image_ids_tell(folder, order):
    without_digests(folder)
    path = folder / "annotations" / "test.jsonl"
    if order == "swapped":
        swap(path, folder / "annotations" / "validation.jsonl")
    else:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    row = 0 if order == "swapped" else 1
    with pytest.raises(DamagedRecordError, match=f"row {row} of test is image "):
        read_all(folder)


@pytest.mark.parametrize(
    "name", ["vocabulary/labels.txt", "dataset_info.json", "features.json", "metadata.json"]
)
def test_files_of_another_data_set_are_refused(folder, name):
    content = (folder / name).read_text()
    (folder / name).write_text(content + (" " if name.endswith("json") else "ship\t3\n"))
    with pytest.raises(ValueError, match=rf"must hold {name} as it was prepared.*prepare it again"):
        read_all(folder)
    (folder / name).unlink()
    with pytest.raises(ValueError, match=rf"{name} as it was prepared: it is missing"):
        read_all(folder)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "dataset_counts.json"])
@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"{}", b"[]", b""])
def test_damaged_json_is_named(folder, name, content):
    if name != "dataset_counts.json":
        without_digests(folder)
    (folder / name).write_bytes(content)
    if (name, content) == ("dataset_counts.json", b"{}"):
        # Of an early version, as far as can be told.
        return
    with pytest.raises(ValueError, match=rf"^`data_dir` must .*{name}") as told:
        read_all(folder)
    assert "\n" not in str(told.value)


def test_a_folder_of_before_digests_is_read_and_told_of_once(folder, caplog):
    without_digests(folder)
    dataset_digests._warn_without_digests.cache_clear()
    assert len(read_all(folder)) == 8
    told = [m for m in caplog.messages if "has no digests" in m]
    assert told == [f"{folder} has no digests: an earlier version prepared it"]


def test_counts_that_were_changed_are_refused(folder):
    path = folder / "dataset_counts.json"
    path.write_text(path.read_text().replace('"distinct_words": ', '"distinct_words": 1'))
    with pytest.raises(ValueError, match=r"hold dataset_counts\.json as it was written"):
        check_dataset_files(folder)


def test_names_that_are_no_utf8_are_named_with_file_and_line(folder):
    without_digests(folder)
    path = folder / "vocabulary" / "labels.txt"
    lines = path.read_bytes().split(b"\n")
    lines[1] = b"\xff" + lines[1]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ValueError, match=r"UTF-8 text: .* on line 2.*labels\.txt"):
        Vocabularies.from_dataset(folder, TAGS)
    (folder / "annotations" / "test.jsonl").write_bytes(b"{}\n\xff\n")
    with pytest.raises(ValueError, match=r"UTF-8 text: .* on line 2.*test\.jsonl"):
        read_annotations(folder, "test")


def test_the_content_of_a_data_set_is_its_annotations_and_its_pictures(folder):
    contents = content_digests(folder)
    splits = ("test", "train", "validation")
    parts = [f"{part} of {split}" for part in ("annotations", "pictures") for split in splits]
    assert sorted(contents) == parts
    digest = hashlib.sha256()
    for record in read_all(folder):
        image = tf.train.Example.FromString(record).features.feature["image"].bytes_list.value[0]
        digest.update(len(image).to_bytes(8, "little") + image)
    assert contents["pictures of test"] == digest.hexdigest()
    assert content_key(folder) == {"content": contents}
    without_digests(folder)
    path = folder / "dataset_counts.json"
    counts = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in counts.items() if k != "picture_digests"}))
    assert content_digests(folder) == content_key(folder) == {}
