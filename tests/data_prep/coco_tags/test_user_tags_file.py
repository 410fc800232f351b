import json

import pytest

from data_prep.coco_tags.user_tags_file import PhotoTags, drop_half_line, read_user_tags

LINE = '{"image_id": "9", "photo_id": "977", "tags": ["sky", "plage d\'été"], "problem": null}\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tags.jsonl"


def test_what_is_written_is_read(path):
    entries = [
        PhotoTags("9", "977", ("sky", "été")),
        PhotoTags("25", "2577", problem="1: Photo not found"),
        PhotoTags("30", None, problem="no photo id in flickr_url"),
    ]
    path.write_text("".join(entry.to_line() for entry in entries), encoding="utf-8")
    assert list(read_user_tags(path).items()) == [(e.image_id, e) for e in entries]


def test_the_form_is_json_lines(path):
    path.write_text(LINE, encoding="utf-8")
    assert read_user_tags(path)["9"] == PhotoTags("9", "977", ("sky", "plage d'été"))


@pytest.mark.parametrize("rest", ["", "{", LINE[:40]])
def test_a_half_line_is_dropped(path, rest):
    path.write_text(LINE + rest, encoding="utf-8")
    drop_half_line(path)
    assert path.read_text(encoding="utf-8") == LINE


def test_a_file_of_half_a_line_becomes_empty_and_a_missing_one_stays_so(path):
    drop_half_line(path)
    assert not path.exists()
    path.write_text(LINE[:30])
    drop_half_line(path)
    assert path.read_text() == ""


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"tags": ["sky", "sky"]}, "line 2: "),
        ({"tags": [""]}, "line 2: "),
        ({"tags": ["a\nb"]}, "line 2: "),
        ({"tags": "sky"}, "line 2: "),
        ({"tags": [3]}, "line 2: "),
        ({"image_id": 10}, "line 2: "),
        ({"problem": 1}, "line 2: "),
        ({"more": 1}, "line 2: "),
        ({"image_id": "9"}, "line 2: image '9' again"),
    ],
)
def test_other_lines_are_refused_with_their_number(path, values, what):
    entry = {"image_id": "10", "photo_id": "1", "tags": [], "problem": None, **values}
    path.write_text(LINE + json.dumps(entry) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"one JSON line an image .*tags\.jsonl', {what}"):
        read_user_tags(path)


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"9\n", b"{\n", b'"\xe9"\n'])
def test_what_is_no_entry_is_refused(path, line):
    path.write_bytes(LINE.encode() + line)
    with pytest.raises(ValueError, match="line 2: b"):
        read_user_tags(path)


def test_a_half_line_and_a_missing_file_are_refused(path):
    with pytest.raises(ValueError, match=r"must be a file that fetch_flickr_tags wrote.*no file"):
        read_user_tags(path)
    path.write_text(LINE + LINE[:20])
    with pytest.raises(ValueError, match="line 2: cut short; run fetch_flickr_tags again"):
        read_user_tags(path)
