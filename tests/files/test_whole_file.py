"""A write that fails leaves what was there."""

import os
from concurrent.futures import ThreadPoolExecutor

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
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_several_writers_of_one_file_leave_one_whole_content(tmp_path):
    path = tmp_path / "a.txt"
    # As a killed process leaves it.
    (tmp_path / "a.txt.partial").write_bytes(b"x" * 300_000)
    contents = [bytes([65 + i]) * (200_000 - 20_000 * i) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda content: [write_whole(path, content) for _ in range(6)], contents))
    assert path.read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
