import json

import pytest

from data_prep.nus_wide.nus_wide_dataset_builder import Builder
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import COUNTS_FILE, find_builder


def prepared(raw_dir, tmp_path, variant=None, **changes):
    """Returns the annotations by split and id, and the notes."""
    name = f"nus_wide/{variant}" if variant else "nus_wide"
    prepare(Builder(data_dir=tmp_path / "data", config=variant, **changes), raw_dir)
    builder = find_builder(tmp_path / "data", name)
    splits = {
        split: {a.image_id: a for a in read_annotations(builder.data_dir, split)}
        for split in builder.info.splits
    }
    return splits, json.loads((builder.data_path / COUNTS_FILE).read_text())["notes"]


def test_labels_tags_and_folders_of_the_labelled_photos(nus_wide_raw_dir, tmp_path):
    splits, notes = prepared(nus_wide_raw_dir, tmp_path)
    # By the fixture writer's rules: 19 of 24 photos have a label.
    assert {s: len(a) for s, a in splits.items()} == {"train": 13, "validation": 1, "test": 5}
    assert not notes
    everything = {i: a for members in splits.values() for i, a in members.items()}
    photo = everything["2124000042"]
    assert photo.file_name == "actor/0006_2124000042.jpg"
    assert photo.labels == ("sky", "dog", "person")
    assert photo.user_tags == ("blue", "fun")
    assert photo.groups == ("actor",)
    # Its picture is in the flat folder.
    assert everything["2124000014"].labels == ("sky",)
    assert "2124000049" not in everything


def test_the_variants_have_folders_of_their_own(nus_wide_raw_dir, tmp_path):
    paper, _ = prepared(nus_wide_raw_dir, tmp_path)
    printed, _ = prepared(nus_wide_raw_dir, tmp_path, "printed")
    assert {s: len(a) for s, a in printed.items()} == {"train": 1, "validation": 1, "test": 5}
    assert set(printed["test"]) == set(paper["test"])
    official, _ = prepared(nus_wide_raw_dir, tmp_path, "official", validation_share=0)
    assert set(official) == {"train", "test"}
    numbers = {s: {(int(i) - 2_124_000_000) // 7 for i in a} for s, a in official.items()}
    assert all(n % 4 != 3 for n in numbers["train"])
    assert all(n % 4 == 3 for n in numbers["test"])


def test_labels_without_a_photo_are_still_classes(nus_wide_raw_dir, tmp_path):
    with open(nus_wide_raw_dir / "ConceptsList" / "Concepts81.txt", "a") as file:
        file.write("zebra\n")
    path = nus_wide_raw_dir / "Groundtruth" / "AllLabels" / "Labels_zebra.txt"
    path.write_text("0\n" * 24)
    prepared(nus_wide_raw_dir, tmp_path)
    folder = find_builder(tmp_path / "data", "nus_wide").data_path
    labels = NameList.load(folder / "vocabulary" / "labels.txt")
    assert set(labels.names) == {"sky", "map", "dog", "person", "zebra"}
    assert labels.counts[labels.index["zebra"]] == 0


def test_lost_pictures_are_listed_and_leave_the_splits_as_they_are(nus_wide_raw_dir, tmp_path):
    whole, _ = prepared(nus_wide_raw_dir, tmp_path / "whole")
    (nus_wide_raw_dir / "Flickr" / "actor" / "0006_2124000042.jpg").unlink()
    # Without a label, so never wanted.
    (nus_wide_raw_dir / "Flickr" / "beach" / "0007_2124000049.jpg").unlink()
    splits, notes = prepared(nus_wide_raw_dir, tmp_path)
    assert notes == {"image missing": ["actor/0006_2124000042.jpg"]}
    for split, members in whole.items():
        assert set(splits[split]) == set(members) - {"2124000042"}


def test_too_many_lost_pictures_stop_the_preparation(nus_wide_raw_dir, tmp_path):
    for path in (nus_wide_raw_dir / "Flickr" / "actor").iterdir():
        path.unlink()
    with pytest.raises(
        ValueError,
        match=r"hold 90% of the pictures of labelled images: 11 of 19 were found \(57.9%\).*"
        r"missing_pictures.txt'. To prepare the set without them, set --min_share below 0.579",
    ):
        prepare(Builder(data_dir=tmp_path / "data"), nus_wide_raw_dir)
    # Nothing of the shards is there yet.
    assert not (tmp_path / "data" / "nus_wide" / "1.0.0").exists()
    lost = (tmp_path / "data" / "nus_wide" / "missing_pictures.txt").read_text().splitlines()
    assert len(lost) == 8
    assert lost[0] == "actor/0000_2124000000.jpg"
    splits, notes = prepared(nus_wide_raw_dir, tmp_path, min_share=0.5, validation_share=0.3)
    assert sum(map(len, splits.values())) == 11
    assert notes["image missing"] == lost


def test_a_photo_listed_twice_is_used_once(nus_wide_raw_dir, tmp_path):
    path = nus_wide_raw_dir / "ImageList" / "Imagelist.txt"
    lines = path.read_bytes().split(b"\r\n")
    lines[9] = b"map_room\\0099_2124000042.jpg"
    path.write_bytes(b"\r\n".join(lines))
    splits, notes = prepared(nus_wide_raw_dir, tmp_path)
    assert sum(map(len, splits.values())) == 18
    assert notes == {"photo listed twice, its first line used": ["map_room/0099_2124000042.jpg"]}


def test_the_published_counts_are_kept(nus_wide_raw_dir, tmp_path):
    prepared(nus_wide_raw_dir, tmp_path)
    counts = find_builder(tmp_path / "data", "nus_wide").info.metadata["raw_counts"]
    assert counts["images of map"] == 1
    assert counts["images with a label"] == 19


def test_files_that_do_not_fit_leave_nothing(nus_wide_raw_dir, tmp_path):
    path = nus_wide_raw_dir / "Groundtruth" / "AllLabels" / "Labels_dog.txt"
    path.write_text("0\n" * 23)
    with pytest.raises(ValueError, match=r"list of 24 images.*Labels_dog.txt 23 lines"):
        prepare(Builder(data_dir=tmp_path / "data"), nus_wide_raw_dir)
    with pytest.raises(ValueError, match="nothing is prepared there"):
        find_builder(tmp_path / "data", "nus_wide")


def test_no_label_at_all_is_refused(nus_wide_raw_dir, tmp_path):
    for path in (nus_wide_raw_dir / "Groundtruth" / "AllLabels").iterdir():
        path.write_text("0\n" * 24)
    with pytest.raises(ValueError, match=r"must hold images with a label. Received: none with one"):
        prepare(Builder(data_dir=tmp_path / "data"), nus_wide_raw_dir)


def test_the_official_splits_need_their_lists(nus_wide_raw_dir, tmp_path):
    (nus_wide_raw_dir / "ImageList" / "TestImagelist.txt").unlink()
    with pytest.raises(ValueError, match=r"there is no ImageList/TestImagelist.txt"):
        prepare(Builder(data_dir=tmp_path, config="official"), nus_wide_raw_dir)


@pytest.mark.parametrize(
    ("name", "share", "limit"), [("validation_share", 0.6, "0.5"), ("min_share", -0.1, "1")]
)
def test_shares_are_checked(tmp_path, name, share, limit):
    message = rf"`{name}` must be between 0 and {limit}. Received: {name}={share}"
    with pytest.raises(ValueError, match=message):
        Builder(data_dir=tmp_path, **{name: share})
