"""A write that fails leaves what was there."""

import os

import pytest

from semreg_tf.files.whole_file import write_json, write_whole


@pytest.mark.parametrize(("content", "read"), [("é\n", "é\n".encode()), (b"\xff\x00", b"\xff\x00")])
def test_text_is_utf_8_and_bytes_are_bytes(tmp_path, content, read):
    path = tmp_path / "new" / "folder" / "a.txt"
    write_whole(path, content)
    assert path.read_bytes() == read
    assert list(path.parent.iterdir()) == [path]


def test_json_is_indented_and_ends_its_line(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    1\n  ]\n}\n'


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_whole(path, "old")

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
