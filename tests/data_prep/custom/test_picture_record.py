"""A prepared data set is of the pictures in the folder, or the preparation says what changed."""

import json
import os
import re
import shutil

import pytest

from data_prep.custom.custom_dataset_builder import Builder, CustomOptions
from data_prep.custom.picture_record import (
    RECORD_FILE,
    check_picture_record,
    write_picture_record,
)
from data_prep.preparation import prepare

NAMES = ("a.jpg", "town/b.jpg", "c.jpg", "gone.jpg")


@pytest.fixture
def folders(tmp_path):
    """A folder of pictures, one of them missing, and its record in another folder."""
    raw, data = tmp_path / "raw", tmp_path / "data"
    for name in NAMES[:3]:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(name.encode())
    write_picture_record(data, raw, NAMES)
    return raw, data


def replace(path, content, time=5):
    path.write_bytes(content)
    os.utime(path, ns=(time, time))


def test_the_same_pictures_pass_and_are_not_read_again(folders, monkeypatch):
    raw, data = folders
    (raw / "of no line.jpg").write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr("data_prep.custom.picture_record.file_digest", None)
        check_picture_record(data, raw)
    check_picture_record(data, None)
    check_picture_record(data.parent, raw)


def test_a_copy_of_the_folder_passes_by_its_content(folders, tmp_path):
    raw, data = folders
    copy = shutil.copytree(raw, tmp_path / "copy", copy_function=shutil.copyfile)
    for name in NAMES[:3]:
        os.utime(copy / name, ns=(5, 5))
    check_picture_record(data, copy)


def test_changed_missing_and_new_pictures_are_named(folders):
    raw, data = folders
    replace(raw / "a.jpg", b"A.jpg")
    replace(raw / "town/b.jpg", b"longer than before")
    (raw / "c.jpg").unlink()
    (raw / "gone.jpg").write_bytes(b"")
    told = "2 changed ('a.jpg', 'town/b.jpg'), 1 missing ('c.jpg'), 1 new ('gone.jpg'). Choose"
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        check_picture_record(data, raw)
    assert "\n" not in str(refused.value)


def test_many_changed_pictures_are_counted(folders, tmp_path):
    raw, data = folders
    with pytest.raises(ValueError, match=r"3 missing \('a\.jpg', 'c\.jpg', 'town/b\.jpg'\)\. C"):
        check_picture_record(data, tmp_path / "nowhere")
    names = [f"{i}.jpg" for i in range(5)]
    for name in names:
        (raw / name).write_bytes(b"")
    write_picture_record(data, raw, names)
    for name in names:
        (raw / name).write_bytes(b"other")
    with pytest.raises(ValueError, match=r"5 changed \('0\.jpg', '1\.jpg', '2\.jpg', \.\.\.\)"):
        check_picture_record(data, raw)


def prepared(raw, data_dir):
    prepare(Builder(data_dir=data_dir, options=CustomOptions(skip_bad_pictures=True)), raw)


def test_replaced_and_repaired_pictures_are_refused_until_prepared_anew(
    own_folder, draw_picture, tmp_path
):
    names = {f"{i}.jpg": "JPEG" for i in range(6)}
    splits = ("train", "train", "train", "validation", "test", "test")
    rows = [
        {"file_name": name, "labels": ["dog"], "split": split}
        for name, split in zip(names, splits, strict=True)
    ]
    raw = own_folder(names, "\n".join(map(json.dumps, rows)).encode())
    whole = (raw / "0.jpg").read_bytes()
    (raw / "0.jpg").write_bytes(whole[:90])
    data_dir = tmp_path / "data"
    prepared(raw, data_dir)
    prepared(raw, data_dir)
    version = data_dir / "custom" / "1.0.0"
    assert sorted(json.loads((version / RECORD_FILE).read_text())["pictures"]) == list(names)
    (raw / "0.jpg").write_bytes(whole)
    (raw / "4.jpg").write_bytes(draw_picture(31, 31, 9, "JPEG"))
    with pytest.raises(ValueError, match=r"2 changed \('0\.jpg', '4\.jpg'\)\. Choose .* delete '"):
        prepared(raw, data_dir)
    shutil.rmtree(version)
    prepared(raw, data_dir)
    # One of an earlier version.
    (version / RECORD_FILE).unlink()
    (raw / "4.jpg").unlink()
    prepared(raw, data_dir)
