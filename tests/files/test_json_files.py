"""Whatever is wrong with a JSON file is one line with its name."""

import json

import pytest

from semreg_tf.files.json_files import JsonError, object_in, parse_json, read_json, read_json_object

DAMAGED = {
    b'{"a": 1,\n "b": [2, 3': "line 2, column 12, character 20: Expecting ',' delimiter",
    b"": "line 1, column 1",
    b'["\xe9"]': "not UTF-8 at byte 2",
    b"[" * 100_000: "brackets are nested",
    b'{"a":' * 100_000: "brackets are nested",
    b"9" * 10_000: "digits",
    b"\xff\xfe{\x00}\x00": "not UTF-8 at byte 0",
}


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damage_is_one_line_with_the_place_and_the_name(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"`workdir` .*state\.json.*{DAMAGED[content]}") as told:
        read_json(path, "workdir", "Do this.")
    assert "\n" not in str(told.value) and "Do this. Received: " in str(told.value)
    with pytest.raises(JsonError):
        parse_json(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"must hold the file a\.json: it is missing"):
        read_json(tmp_path / "a.json", "workdir")


def test_values_come_back_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.json"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + '{"a": "é"}'.encode())
        assert read_json(path, "path") == {"a": "é"}


@pytest.mark.parametrize("values", [[], 3, None, "text"])
def test_something_else_than_an_object_is_refused(tmp_path, values):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"a\.json: it is not a JSON object"):
        read_json_object(path, "path")


def test_fields_that_lack_are_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"step": 1}')
    assert read_json_object(path, "path", fields=("step",)) == {"step": 1}
    with pytest.raises(ValueError, match=r"a\.json: it lacks stage, seed"):
        read_json_object(path, "path", fields=("step", "stage", "seed"))


def test_an_object_in_an_object_is_found_or_empty():
    values = {"data": {"task": "tags"}, "name": "x", "nothing": None}
    assert object_in(values, "data") == {"task": "tags"}
    assert (
        object_in(values, "name") == object_in(values, "nothing") == object_in(values, "no") == {}
    )
