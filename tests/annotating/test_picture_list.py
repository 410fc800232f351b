"""Which pictures arguments mean."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from semreg_tf.annotating.picture_list import Picture, describe_passed_over, list_pictures
from semreg_tf.data.picture_files import SUFFIXES


@pytest.fixture
def folder(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.jpeg", "sub/deep/d.gif", "[odd] e.bmp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def names(folder, *arguments, lines=()):
    found = list_pictures([str(folder / a) if a != "-" else a for a in arguments], lines)
    return [p.path.removeprefix(f"{folder}/") for p in found]


def test_files_are_taken_as_they_are_there_or_not(folder):
    assert names(folder, "notes.txt", "missing.jpg", "[odd] e.bmp") == [
        "notes.txt",
        "missing.jpg",
        "[odd] e.bmp",
    ]


def test_folders_give_the_pictures_right_inside_them(folder):
    assert names(folder, ".") == ["[odd] e.bmp", "a.png", "b.JPG"]


def test_patterns_reach_deeper(folder):
    assert names(folder, "**/*") == [
        "[odd] e.bmp",
        "a.png",
        "b.JPG",
        "sub/c.jpeg",
        "sub/deep/d.gif",
    ]
    assert names(folder, "sub/*.jp*g") == ["sub/c.jpeg"]


def test_patterns_pass_over_folders_of_systems_that_they_do_not_name(folder):
    (folder / "sub/@eaDir/c.jpeg").mkdir(parents=True)
    (folder / "sub/@eaDir/c.jpeg/small.jpg").write_bytes(b"")
    passed_over = Counter()
    found = list_pictures([str(folder / "sub/**/*.jp*g")], (), passed_over)
    assert [Path(p.path).name for p in found] == ["c.jpeg"]
    assert passed_over == {"in a folder of the system": 1}
    assert names(folder, "sub/@eaDir/*/*") == ["sub/@eaDir/c.jpeg/small.jpg"]


def test_each_comes_once_in_the_order_of_the_arguments(folder):
    assert names(folder, "b.JPG", ".", "*.png") == ["b.JPG", "[odd] e.bmp", "a.png"]


def test_lines_hold_paths_and_perhaps_tags():
    lines = ["one.jpg\n", "\n", "two words.jpg\tsea, sun\r\n", "three.jpg\t\n"]
    assert list_pictures(["-"], lines) == [
        Picture("one.jpg"),
        Picture("two words.jpg", "sea, sun"),
        Picture("three.jpg", ""),
    ]


def test_every_suffix_that_preparation_takes_is_found_in_any_case(tmp_path):
    written = [f"{i:02}{s.upper() if i % 2 else s}" for i, s in enumerate(SUFFIXES)]
    for name in written:
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path, ".") == written
    assert {".webp", ".tif", ".tiff", ".heic", ".avif", ".jfif", ".jpe"} <= set(SUFFIXES)


def test_what_lies_beside_pictures_is_counted_by_kind(folder):
    for name in ("._b.JPG", ".hidden.png", "more.TXT", "README"):
        (folder / name).write_bytes(b"")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    passed_over = Counter()
    found = list_pictures([str(folder), str(folder / "sub/**/*")], (), passed_over)
    assert [Path(p.path).name for p in found] == [
        "[odd] e.bmp",
        "a.png",
        "b.JPG",
        "c.jpeg",
        "d.gif",
    ]
    assert passed_over == {
        "macOS's ._ file": 1,
        "hidden file": 1,
        ".txt": 2,
        "without a suffix": 1,
        "named pipe": 1,
        "broken link": 1,
        "folder": 2,
    }
    assert describe_passed_over(passed_over) == (
        "passed over 7 files: 2 .txt, 1 broken link, 1 hidden file, 1 macOS's ._ file, "
        "1 named pipe, 1 without a suffix; did not look into 2 folders "
        "(FOLDER/**/* names all below)"
    )
    assert describe_passed_over(Counter()) == ""


def test_what_a_pattern_asks_for_by_a_dot_is_taken_but_for_macos_files(folder):
    for name in ("._b.jpg", ".c.jpg"):
        (folder / name).write_bytes(b"")
    assert names(folder, ".*.jpg") == [".c.jpg"]


def test_what_holds_no_picture_is_refused(folder):
    (folder / "empty").mkdir()
    (folder / "empty" / "a.txt").write_bytes(b"")
    (folder / "empty" / "b.txt").write_bytes(b"")
    for argument, told in (("empty", ": passed over 2 files: 2 .txt"), ("*.tiff", "")):
        message = (
            f"A folder or pattern must hold pictures ({', '.join(SUFFIXES)}){told}. "
            f"Received: {str(folder / argument)!r}"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            list_pictures([str(folder / argument)])
    for arguments in ([], ["-"]):
        with pytest.raises(ValueError, match="Give at least one picture, folder or pattern"):
            list_pictures(arguments)


def test_a_byte_order_mark_before_a_list_of_paths_is_passed_over():
    lines = ["\ufeffa.jpg\tsea\n", "b.jpg\n"]
    assert list_pictures(["-"], lines) == [Picture("a.jpg", "sea"), Picture("b.jpg")]


def test_a_name_in_another_unicode_form_finds_its_picture(tmp_path):
    folder = tmp_path / "e\u0301te\u0301"
    folder.mkdir()
    (folder / "cafe\u0301.jpg").write_bytes(b"")
    composed = f"{tmp_path}/\u00e9t\u00e9/caf\u00e9.jpg"
    expected = [Picture(str(folder / "cafe\u0301.jpg"))]
    assert list_pictures([composed]) == expected
    assert list_pictures(["-"], [composed]) == expected
    missing = f"{tmp_path}/\u00e9t\u00e9/th\u00e9.jpg"
    assert list_pictures([missing]) == [Picture(missing)]


def test_user_tags_that_no_text_can_hold_are_refused():
    with pytest.raises(ValueError, match=r"`user_tags` must be text.*\\ud800 is half"):
        list_pictures(["-"], ["a.jpg\tsea, \ud800"])
