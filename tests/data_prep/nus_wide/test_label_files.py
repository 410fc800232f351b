import numpy as np
import pytest

from data_prep.nus_wide.label_files import read_labels


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Labels_sky.txt").write_bytes(b"1\r\n0\r\n1\r\n")
    (tmp_path / "Labels_map.txt").write_bytes(b"0\n1 \n0")
    (tmp_path / "Labels_sky_Train.txt").write_bytes(b"1\n")
    return tmp_path


def test_a_column_a_concept_in_their_order(folder):
    labels = read_labels(folder, ["map", "sky"], "", 3)
    assert labels.dtype == bool
    np.testing.assert_array_equal(labels, [[0, 1], [1, 0], [0, 1]])
    assert read_labels(folder, ["sky"], "_Train", 1).tolist() == [[True]]


def test_all_missing_files_are_named(folder):
    with pytest.raises(ValueError, match=r"lacks Labels_dog.txt, Labels_cat.txt. Received: '"):
        read_labels(folder, ["dog", "sky", "cat"], "", 3)


def test_files_of_unequal_length_are_named_with_their_lengths(folder):
    (folder / "Labels_dog.txt").write_text("1\n" * 1_200)
    (folder / "Labels_cat.txt").write_text("")
    with pytest.raises(
        ValueError,
        match=r"as long as the list of 3 images.*: Labels_dog.txt 1,200, Labels_cat.txt 0 lines in",
    ):
        read_labels(folder, ["dog", "sky", "cat"], "", 3)


@pytest.mark.parametrize("token", ["2", "01", "-1", "x"])
def test_anything_but_0_and_1_is_refused(folder, token):
    (folder / "Labels_dog.txt").write_text(f"1\n{token}\n0\n")
    with pytest.raises(ValueError, match=rf"of 0 and 1.*Labels_dog.txt', number 2: '{token}'"):
        read_labels(folder, ["sky", "dog"], "", 3)
