import json

import pytest

from semreg_tf.text.caption_files import read_caption_file


@pytest.fixture
def write(tmp_path):
    def to_file(content):
        path = tmp_path / "captions"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def line(**values):
    return json.dumps(values) + "\n"


def test_a_token_file_is_read_by_rising_number(write):
    path = write("b.jpg#1\tTwo.\nb.jpg#0\tOne.\n\na.jpg#0\tA dog # 3.\n")
    assert read_caption_file(path) == {"b.jpg": ("One.", "Two."), "a.jpg": ("A dog # 3.",)}


def test_json_lines_are_read(write):
    path = write(line(image_id="b", captions=["One.", "Two."]) + line(file_name="a", captions=[]))
    assert read_caption_file(path) == {"b": ("One.", "Two."), "a": ()}


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_passed_over(write, mark):
    assert read_caption_file(write(f"{mark}a#0\tdog\n")) == {"a": ("dog",)}
    assert read_caption_file(write(mark + line(image_id="a", captions=["dog"]))) == {"a": ("dog",)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a#0\tdog\nA cat.\n", r"`extra` must hold a token file of lines .* line 2: 'A cat\.'"),
        ("a#0\tdog\na#0\tcat\n", r"one caption for each number.* line 2: a#0 again"),
        (line(captions=["dog"]), r"`extra` must hold one picture per line.* line 1: '\{\"captions"),
        (line(image_id="a", captions="dog"), "one picture per line.* line 1"),
        (line(image_id="a", captions=[3]), "one picture per line.* line 1"),
        (line(image_id="", captions=["dog"]), "one picture per line.* line 1"),
        ('{"image_id": "a"', "one picture per line.* line 1"),
        (line(image_id="a", captions=["x"]) + "[1]\n", r"one picture per line.* line 2: '\[1\]'"),
        (2 * line(image_id="a", captions=["x"]), "one picture per line.* line 2: 'a' again"),
        (b"a#0\tcaf\xe9\n", "`extra` must hold UTF-8 text"),
    ],
)
def test_what_is_of_neither_form_is_refused(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_caption_file(write(content), "extra")
