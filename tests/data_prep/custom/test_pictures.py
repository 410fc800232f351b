import os

import pytest

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from data_prep.custom.pictures import (
    PictureFolder,
    check_pictures,
    warn_of_unnamed,
)


@pytest.fixture
def folder(tmp_path, draw_picture):
    (tmp_path / "town").mkdir()
    files = {
        "a.jpg": draw_picture(20, 20, 1),
        "Dog.JPG": draw_picture(20, 20, 2),
        "town/b.png": draw_picture(20, 20, 3, "PNG"),
        "town/again.jpg": draw_picture(20, 20, 1),
        "cut.jpg": draw_picture(60, 60, 4)[:700],
        "web.jpg": b"\n<!DOCTYPE html><p>gone</p>",
        "empty.jpg": b"",
        "text.jpg": b"no picture",
        "notes.txt": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return PictureFolder.read(tmp_path)


def look(folder, *names, skip_bad=False):
    findings = Findings()
    entries = [Entry(line, name) for line, name in enumerate(names, start=1)]
    whole = check_pictures(entries, folder, skip_bad, findings)
    return [e.file_name for e in whole], findings


def test_a_folder_is_listed_with_its_subfolders(folder):
    assert "town/b.png" in folder.names
    assert "notes.txt" in folder.names
    assert "notes.txt" not in folder.pictures()
    assert "Dog.JPG" in folder.pictures()


def test_whole_pictures_pass_in_order(folder):
    whole, findings = look(folder, "town/b.png", "a.jpg", "Dog.JPG")
    assert whole == ["town/b.png", "a.jpg", "Dog.JPG"]
    assert not findings.problems
    assert not findings.warnings


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dog.jpg", " There is 'Dog.JPG'"),
        ("a.jpeg", " There is 'a.jpg'"),
        ("b.png", " There is 'town/b.png'"),
        ("pictures/cut.jpg", " There is 'cut.jpg'"),
        ("town\\b.png", " Write it with '/': 'town/b.png' is there"),
        ("village/b.jpg", " There is 'town/b.png'"),
        ("other.jpg", ""),
    ],
)
def test_a_missing_picture_and_what_may_be_meant(folder, name, hint):
    whole, findings = look(folder, "a.jpg", name)
    assert whole == ["a.jpg"]
    assert [(p.line, p.text) for p in findings.problems] == [(2, f"no picture {name!r}.{hint}")]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("cut.jpg", "bytes not processed)"),
        ("web.jpg", "a web page"),
        ("empty.jpg", "empty file"),
        ("text.jpg", "in no format that is known (it begins with 'no pictu')"),
    ],
)
def test_an_unreadable_picture_and_why(folder, name, why):
    whole, findings = look(folder, name, "a.jpg")
    assert whole == ["a.jpg"]
    (problem,) = findings.problems
    assert (problem.line, problem.kind) == (1, "picture unreadable")
    assert problem.text.startswith(f"the picture {name!r} cannot be read: ")
    assert problem.text.endswith(why)


def test_a_named_pipe_is_refused_and_waits_for_nobody(folder):
    os.mkfifo(os.path.join(folder.root, "pipe.jpg"))
    _, findings = look(PictureFolder.read(folder.root), "a.jpg", "pipe.jpg")
    (problem,) = findings.problems
    assert problem.text == "the picture 'pipe.jpg' cannot be read: a named pipe, not a file"


def test_a_name_that_is_not_utf8(folder, draw_picture):
    name = os.fsdecode(b"caf\xe9.jpg")
    with open(os.path.join(folder.root, name), "wb") as file:
        file.write(draw_picture(20, 20, 9))
    listed = PictureFolder.read(folder.root)
    assert name in listed.pictures()
    findings = Findings()
    warn_of_unnamed([], listed, findings)
    assert r"caf\udce9.jpg" in findings.warnings[0].names
    whole, findings = look(listed, "a.jpg", name, skip_bad=True)
    assert whole == ["a.jpg"]
    (problem,) = findings.problems
    assert problem.text.startswith(r"the file name 'caf\udce9.jpg' is not UTF-8: rename the file")


def test_hidden_files_are_not_offered_as_pictures(folder):
    for name in ("._a.jpg", "town/.b.png"):
        with open(os.path.join(folder.root, name), "wb"):
            pass
    assert PictureFolder.read(folder.root).pictures() == folder.pictures()


def test_bad_pictures_can_be_left_out(folder):
    whole, findings = look(folder, "a.jpg", "nowhere.jpg", "cut.jpg", skip_bad=True)
    assert whole == ["a.jpg"]
    assert not findings.problems
    assert [w.line for w in findings.warnings] == [2, 3]
    assert findings.warnings[0].text == "no picture 'nowhere.jpg' (left out)."


def test_the_wrong_folder_is_told_as_such(folder):
    for skip_bad in (False, True):
        _, findings = look(folder, "x1.jpg", "x2.jpg", skip_bad=skip_bad)
        text = findings.problems[-1].text
        assert text.startswith("not one of 2 pictures is in ")
        assert "is `--raw_dir` right? 8 pictures are there, such as 'Dog.JPG', 'a.jpg'" in text


def test_the_same_picture_under_two_names(folder):
    _, findings = look(folder, "a.jpg", "town/again.jpg")
    assert [(w.line, w.kind) for w in findings.warnings] == [(2, "same picture again")]
    assert "is the same picture as 'a.jpg' on line 1" in findings.warnings[0].text


def test_pictures_that_no_line_names(folder):
    findings = Findings()
    warn_of_unnamed([Entry(1, "a.jpg"), Entry(2, "cut.jpg")], folder, findings)
    (warning,) = findings.warnings
    assert warning.text.endswith("no line names: 6 (Dog.JPG, empty.jpg, text.jpg, ...)")
    assert len(warning.names) == 6
