import pytest

from data_prep.nus_wide.image_list import Photo
from data_prep.nus_wide.tag_files import MATRIX, WORDS, form_of, read_matrix, read_words

PHOTOS = [Photo(i, "a", f"0001_{i}.jpg") for i in ("11", "22", "33")]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "All_Tags.txt"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"2124494179      blue sky \r\n", WORDS),
        (b"\n2124494179 0 1\r\n", WORDS),
        (b"2124494179\r\n", WORDS),
        (b"0 1 0 \n", MATRIX),
        (b"1\t1\t1\t\r\n", MATRIX),
    ],
)
def test_the_form_is_told_by_the_first_line(file, content, form):
    assert form_of(file(content), 3) == form


@pytest.mark.parametrize("content", [b"", b"0 1 \n", b"1 1 0 1\n", b"blue sky\n"])
def test_other_forms_are_refused(file, content):
    with pytest.raises(ValueError, match=r"All_Tags.txt as image ids .* 3 in a line. Received: '"):
        form_of(file(content), 3)


def test_words_belong_to_the_photo_of_their_id(file):
    path = file(b"33   sky blue sky \r\n44 other\r\n\r\n11 old blue\n22 \n")
    assert read_words(path, PHOTOS, None) == [("old", "blue"), (), ("sky", "blue")]
    assert read_words(path, PHOTOS, ["blue"]) == [("blue",), (), ("blue",)]


def test_a_line_that_is_no_utf8_is_iso_8859_1(file):
    assert read_words(file(b"11 caf\xe9\n22 caf\xc3\xa9\n"), PHOTOS, None) == [
        ("café",),
        ("café",),
        (),
    ]


def test_lines_without_an_id_are_refused(file):
    with pytest.raises(ValueError, match=r"begin with a photo's id.*All_Tags.txt', line 2: b'sky"):
        read_words(file(b"11 blue\nsky blue\n"), PHOTOS, None)


def test_tags_of_other_photos_are_refused(file):
    with pytest.raises(
        ValueError, match=r"no line belongs to any of the 3 photos. Received: '.*All_Tags.txt'"
    ):
        read_words(file(b"44 blue\n"), PHOTOS, None)


@pytest.mark.parametrize("mark", [b" ", b"\t"])
def test_matrix(file, mark):
    lines = [mark.join(line) for line in ((b"0", b"1", b"1"), (b"0", b"0", b"0"))]
    content = mark.join((lines[0], b"\r\n")) + lines[1] + b"\n\n"
    assert read_matrix(file(content), ["a", "b", "c"], 2) == [("b", "c"), ()]


@pytest.mark.parametrize("line", [b"0 1", b"0 1 0 0", b"0 2 0", b"0 -1 0"])
def test_other_numbers_are_refused_by_line(file, line):
    with pytest.raises(ValueError, match=r"of 3 numbers 0 or 1 in a line.*All_Tags.txt', line 2"):
        read_matrix(file(b"0 1 0\n" + line + b"\n"), ["a", "b", "c"], 2)


def test_a_matrix_of_another_length_is_refused(file):
    with pytest.raises(ValueError, match=r"as long as the list of 3 images. Received: 2 lines in"):
        read_matrix(file(b"0 1\n1 1\n"), ["a", "b"], 3)
