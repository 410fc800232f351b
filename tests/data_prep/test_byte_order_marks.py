"""A byte order mark, as Windows programs write it, is no part of any file that is read."""

import json

import pytest

from data_prep.coco_files import read_coco
from data_prep.coco_tags.user_tags_file import PhotoTags, read_user_tags
from data_prep.json_files import read_json
from data_prep.nus_wide.image_list import Photo
from data_prep.nus_wide.label_files import read_labels
from data_prep.nus_wide.tag_files import MATRIX, WORDS, form_of, read_matrix, read_words
from data_prep.raw_files import read_lines, read_names, read_token_file
from semreg_tf.data.name_list import NameList

PHOTO = Photo("2124494179", "actor", "0001_2124494179.jpg")
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"id": 2, "image_id": 1, "caption": "A dog."}],
}


@pytest.fixture
def write(tmp_path):
    def to(text, name="file.txt"):
        path = tmp_path / name
        path.write_bytes("\ufeff".encode() + text.encode())
        return path

    return to


def test_lists_and_token_files(write):
    assert read_lines(write("a\r\nb\n")) == ["a", "b"]
    assert read_names(write("a.jpg\nb.jpg\n")) == ["a.jpg", "b.jpg"]
    assert read_token_file(write("a.jpg#0\tA dog.\n")) == {"a.jpg": ("A dog.",)}


def test_json_of_all_kinds(write):
    assert read_json(write("[1]")) == [1]
    coco = read_coco(write(json.dumps(COCO)), {"caption": str})
    assert coco.anns[2]["caption"] == "A dog."
    tags = PhotoTags("9", "46", ("food",))
    assert read_user_tags(write(tags.to_line())) == {"9": tags}


def test_tags_and_labels_of_nus_wide(write, tmp_path):
    words = write("2124494179 sea sun\n")
    assert form_of(words, 2) == WORDS
    assert read_words(words, [PHOTO], None) == [("sea", "sun")]
    matrix = write("1 0\n0 1\n", "matrix.txt")
    assert form_of(matrix, 2) == MATRIX
    assert read_matrix(matrix, ["sea", "sun"], 2) == [("sea",), ("sun",)]
    write("1\n0\n", "Labels_sky.txt")
    assert read_labels(tmp_path, ["sky"], "", 2).tolist() == [[True], [False]]


def test_lists_of_names(write):
    assert NameList.load(write("semreg_tf names 1\nsea\t3\n")).names == ("sea",)


def test_lines_that_end_in_cr_alone_are_told(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a.jpg\rb.jpg\r")
    with pytest.raises(ValueError, match=r"the lines end in CR alone.*list\.txt"):
        read_names(path)


@pytest.mark.parametrize("value", ["true", "9" * 400, "1.5"])
def test_an_id_is_a_whole_number_of_64_bits(write, value):
    text = json.dumps(COCO).replace('"id": 1', f'"id": {value}', 1)
    with pytest.raises(ValueError, match="number 1 of 'images': id="):
        read_coco(write(text), {"caption": str})
