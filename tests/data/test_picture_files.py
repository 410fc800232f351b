"""Names and files: what is no regular file never makes a reader wait, no name is unwritable."""

import json
import os
import stat

import pytest

from semreg_tf.data.picture_decoding import UnreadablePictureError
from semreg_tf.data.picture_files import (
    SUFFIXES,
    has_picture_suffix,
    hidden_kind,
    printable,
    read_picture_file,
    special_kind,
)


@pytest.mark.parametrize("name", ["a.JPG", "b.Heic", "trip/c.tif", "x.jfif"])
def test_suffixes_count_in_any_case(name):
    assert has_picture_suffix(name)
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    assert not has_picture_suffix(f"{name}.txt")


def test_hidden_files_and_those_of_macos():
    assert [hidden_kind(n) for n in ("._a.jpg", ".a.jpg", "a.jpg")] == [
        "macOS's ._ file",
        "hidden file",
        None,
    ]


def test_a_file_is_read_and_a_missing_one_is_an_oserror(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"bytes")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    assert read_picture_file(tmp_path / "a.jpg") == read_picture_file(str(tmp_path / "link.jpg"))
    with pytest.raises(FileNotFoundError):
        read_picture_file(tmp_path / "b.jpg")


def test_a_pipe_that_takes_a_files_place_does_not_hang(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    os.mkfifo(path)
    regular = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *arguments, **more: regular)
    with pytest.raises(UnreadablePictureError, match="a named pipe, not a file"):
        read_picture_file(path)


def test_kinds_of_paths():
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFBLK: "a device", stat.S_IFREG: None}
    assert {mode: special_kind(mode) for mode in kinds} == kinds
    assert special_kind(0) == "not a regular file"


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"\xff\xfe", "köln\U0001f600.jpg".encode(), b"a\\u"]
)
def test_every_name_can_be_written_and_read_back(name):
    text = os.fsdecode(name)
    line = printable(json.dumps({"file": text}, ensure_ascii=False))
    assert os.fsencode(json.loads(line.encode("utf-8"))["file"]) == name
    printable(text).encode("utf-8")
