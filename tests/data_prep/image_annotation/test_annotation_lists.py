import json

import numpy as np
import pytest
from etils import epath

from data_prep.image_annotation.annotation_lists import read_matrix, read_raw_set

LABELS = ("sky", "sea", "sun")
MATRIX = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])


def hvecs(matrix, entry_type):
    rows = [
        np.int32(matrix.shape[1]).tobytes() + row.astype(entry_type).tobytes() for row in matrix
    ]
    return b"".join(rows)


@pytest.fixture
def folder(tmp_path):
    return epath.Path(tmp_path)


@pytest.fixture
def list_form(folder):
    (folder / "corel5k_dictionary.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "corel5k_train_list.txt").write_text("1000/1001\n1000/1002\n2000/2001\n")
    (folder / "corel5k_train_annot.hvecs").write_bytes(hvecs(MATRIX, "<i2"))
    return folder


def write_json_form(folder, samples, part="train"):
    (folder / "corel5k_vocabulary.txt").write_text("\n".join(LABELS) + "\n")
    (folder / f"{part}.json").write_text(json.dumps({"samples": samples}))


def sample(name, *labels):
    return {"image_name": name, "image_labels": list(labels)}


@pytest.mark.parametrize("entry_type", ["u1", "<i2", "<i4"])
def test_a_matrix_is_read_at_every_width_of_its_entries(folder, entry_type):
    (folder / "a.hvecs").write_bytes(hvecs(MATRIX, entry_type))
    np.testing.assert_array_equal(read_matrix(folder / "a.hvecs", 3), MATRIX.astype(bool))


@pytest.mark.parametrize("cut", [1, 5, 9])
def test_a_matrix_cut_short_is_named(list_form, cut):
    path = list_form / "corel5k_train_annot.hvecs"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"corel5k_train_annot\.hvecs.* cut short"):
        read_raw_set(list_form)


def test_a_matrix_of_another_dictionary_is_refused(folder):
    (folder / "a.hvecs").write_bytes(hvecs(MATRIX, "<i2"))
    with pytest.raises(ValueError, match=r"whole rows of 4 annotations.*first row has 3 entries"):
        read_matrix(folder / "a.hvecs", 4)


def test_entries_other_than_0_and_1_are_refused(folder):
    (folder / "a.hvecs").write_bytes(hvecs(MATRIX * 7, "<i2"))
    with pytest.raises(ValueError, match=r"annotations of 0 and 1.*row 1: 7"):
        read_matrix(folder / "a.hvecs", 3)


def test_both_forms_read_alike(list_form, tmp_path):
    lists = read_raw_set(list_form)
    other = epath.Path(tmp_path / "json")
    other.mkdir()
    images = [("1000/1001", ("sky", "sun")), ("1000/1002", ()), ("2000/2001", ("sea",))]
    write_json_form(other, [sample(name, *labels) for name, labels in images])
    assert read_raw_set(other).parts == lists.parts == {"train": images}
    assert lists.label_names == LABELS
    assert lists.left_out == {"test": "corel5k_test_list.txt"}


def test_a_list_and_a_matrix_of_unequal_length_are_refused(list_form):
    (list_form / "corel5k_train_list.txt").write_text("1000/1001\n1000/1002\n")
    with pytest.raises(ValueError, match=r"with 2 images, 'corel5k_train_annot\.hvecs' with 3"):
        read_raw_set(list_form)


def test_a_label_outside_the_vocabulary_is_named(folder):
    write_json_form(folder, [sample("1.jpeg", "sky"), sample("2.jpeg", "moon")])
    with pytest.raises(ValueError, match=r"train\.json', sample 2 \('2\.jpeg'\): 'moon'"):
        read_raw_set(folder)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([sample("1.jpeg", "sky")] * 2, "sample 2: '1.jpeg' again"),
        ([{"image_name": "1.jpeg", "image_labels": "sky"}], "sample 1: "),
        ([{"image_labels": ["sky"]}], "sample 1: "),
        (7, "without a list 'samples'"),
    ],
)
def test_a_damaged_sample_is_named(folder, samples, message):
    write_json_form(folder, samples)
    with pytest.raises(ValueError, match=message):
        read_raw_set(folder)


def test_both_forms_together_or_none_are_refused(list_form, tmp_path):
    write_json_form(list_form, [])
    with pytest.raises(ValueError, match=r"holds train\.json, corel5k_train_list\.txt"):
        read_raw_set(list_form)
    with pytest.raises(ValueError, match="which holds neither"):
        read_raw_set(epath.Path(tmp_path) / "nothing")
