import json

import pytest

from semreg_tf.text.text_files import (
    ends_in_carriage_returns,
    parse_json,
    read_text,
    why_no_text,
)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffcaf\u00e9\r\n".encode())
    assert read_text(path) == "caf\u00e9\r\n"
    assert parse_json("\ufeff[1]") == [1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a\nb\xff", r"`list` must hold UTF-8 text: .* at byte 3, on line 2\. Received: list="),
        ("a".encode("utf-16"), "the file is UTF-16: save it as UTF-8"),
        (b"PK\x03\x04abc", "a workbook or an archive"),
    ],
)
def test_what_is_no_utf_8_is_refused_with_its_place(content, says, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says):
        read_text(path, "list")


def test_text_of_any_kind_is_text():
    assert why_no_text("caf\u00e9".encode()) is None
    assert why_no_text(b"") is None


def test_lines_that_end_in_cr_alone_are_told():
    assert ends_in_carriage_returns(b"a\rb\r")
    for content in (b"a\r\nb\r\n", b"a\nb", b"a", b"a\r"):
        assert not ends_in_carriage_returns(content)


@pytest.mark.parametrize(
    ("text", "says", "place"),
    [
        ('{"a": NaN}', "NaN is not a JSON number", 6),
        ("[1, -Infinity]", "-Infinity is not a JSON number", 4),
        ("[" * 100_000, "Brackets nested too deeply", 0),
        ("[3, " + "9" * 5000 + "]", "A number of thousands of digits", 4),
        ('["x \\ud800 y"]', r"Half of a surrogate pair (\ud800)", 4),
        ('["\\udc00"]', r"Half of a surrogate pair (\udc00)", 2),
        ('["\\ud83d\\ud83d\\ude00"]', r"Half of a surrogate pair (\ud83d)", 2),
    ],
)
def test_what_is_no_json_is_one_kind_of_error_with_its_place(text, says, place):
    with pytest.raises(json.JSONDecodeError) as found:
        parse_json(text)
    assert (found.value.msg, found.value.pos) == (says, place)


def test_pairs_of_surrogates_and_written_backslashes_are_json():
    assert parse_json('["\\ud83d\\ude00", "\\\\ud800", "\\u00e9"]') == [
        "\U0001f600",
        "\\ud800",
        "é",
    ]
