import pytest

from data_prep.json_files import read_json


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        path = tmp_path / "file.json"
        path.write_bytes(content)
        return path

    return write_bytes


def test_json_is_read_with_or_without_a_byte_order_mark(write):
    assert read_json(write('{"a": "é"}'.encode())) == {"a": "é"}
    assert read_json(write(b"\xef\xbb\xbf[1]")) == [1]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"a": 1,\n "b": [2, 3', r"line 2, column 12, character 20: Expecting ',' delimiter"),
        (b'{"a": "bc', r"line 1, column 7, character 6: Unterminated string"),
        (b"", "line 1, column 1, character 0"),
    ],
)
def test_a_file_cut_short_is_refused_with_the_place(write, content, place):
    with pytest.raises(ValueError, match=rf"whole file\.json: .* damaged .* {place}.*file\.json'$"):
        read_json(write(content))


def test_another_encoding_is_refused_with_the_byte(write):
    with pytest.raises(ValueError, match=r"whole file\.json: it is not UTF-8 at byte 2: .*file"):
        read_json(write(b'["\xe9"]'))


def test_half_of_a_surrogate_pair_is_refused(write):
    with pytest.raises(ValueError, match=r"whole file\.json: .* Half of a surrogate pair"):
        read_json(write(b'["\\ud800"]'))
