"""A copy replaces nothing but the earlier copy of the same picture."""

import json
import os
from pathlib import Path

import PIL.Image
import pytest

from semreg_tf.annotating.collection import Job, annotate_collection
from semreg_tf.annotating.copies_folder import COPIES_FILE, CopyNames, check_copies_folder
from semreg_tf.annotating.picture_list import list_pictures
from tests.annotating.stand_in import StandIn


def picture(path, colour="red"):
    path.parent.mkdir(exist_ok=True)
    PIL.Image.new("RGB", (40, 30), colour).save(path)
    return path.read_bytes()


def annotate(*arguments, **options):
    return list(annotate_collection(Job(StandIn(), list_pictures(arguments), **options)))


@pytest.mark.parametrize("folder", ["holiday", "./holiday/../holiday/", "link"])
def test_the_pictures_own_folder_is_refused(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    original = picture(Path("holiday/a.jpg"))
    os.symlink("holiday", "link")
    Path("other").mkdir()
    os.symlink("../holiday/a.jpg", "other/b.jpg")
    for named in ("holiday", "link/a.jpg", "other", str(tmp_path / "holiday")):
        with pytest.raises(ValueError, match=r"`out` must be another folder.*lies in it"):
            annotate(named, copies=Path(folder))
    assert sorted(os.listdir("holiday")) == ["a.jpg"]
    assert Path("holiday/a.jpg").read_bytes() == original
    check_copies_folder("new", ["holiday/a.jpg"])
    check_copies_folder("other", ["holiday/a.jpg", "gs://bucket/a.jpg", "no/such.jpg"])


def test_files_of_others_and_other_pictures_copies_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stranger = picture(Path("album/1.jpg"), "blue")
    picture(Path("t1/1.jpg"))
    picture(Path("t2/1.jpg"), "green")
    rows = [*annotate("t1", copies=Path("album")), *annotate("t2", copies=Path("album"))]
    copies = [Path(row["copy"]) for row in rows]
    assert len({*copies, Path("album/1.jpg")}) == 3
    assert Path("album/1.jpg").read_bytes() == stranger
    before = [copy.read_bytes() for copy in copies]
    assert before[0] != before[1]
    # The same pictures keep their copies' names, from any folder and with any file of answers.
    monkeypatch.chdir("t2")
    (again,) = annotate("1.jpg", copies=Path("../album"), answers=tmp_path / "new.db")
    assert Path(again["copy"]).name == copies[1].name
    (tmp_path / copies[0]).unlink()
    monkeypatch.chdir(tmp_path)
    annotate("t1", copies=Path("album"))
    assert [copy.read_bytes() for copy in copies] == before
    assert len(list(Path("album").glob("*.jpg"))) == 3


def test_copies_that_only_the_answers_list_keep_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(Path("t1/1.jpg"))
    (row,) = annotate("t1", copies=Path("out"))
    Path("out", COPIES_FILE).unlink()
    Path(row["copy"]).unlink()
    annotate("t1", copies=Path("out"))
    assert [p.name for p in Path("out").glob("*.jpg")] == ["1.jpg"]


def test_a_record_that_a_kill_cut_off_is_continued(tmp_path):
    names = CopyNames(tmp_path, {"a.png": "a.jpg", "b.png": "b.jpg"})
    assert names["a.png"] == names["a.png"] == "a.jpg"
    record = tmp_path / COPIES_FILE
    record.write_text(record.read_text() + '{"copy": "b')
    names = CopyNames(tmp_path, {"b.png": "b.jpg", "c/a.png": "A.jpg"})
    assert names["b.png"] == "b.jpg"
    assert names["c/a.png"].startswith("a-")
    names = CopyNames(tmp_path, {})
    assert (names["a.png"], names["b.png"]) == ("a.jpg", "b.jpg")
    entries = [json.loads(line) for line in record.read_text().splitlines() if line[-1] == "}"]
    assert entries[0] == {"copy": "a.jpg", "file": os.path.abspath("a.png")}
