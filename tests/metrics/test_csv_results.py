"""Predictions as CSV are read whichever program saved them, and refused by the line."""

import pytest

from semreg_tf.metrics.csv_results import is_csv, read_csv_results


@pytest.fixture
def read(tmp_path):
    def run(text, column="labels", name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv_results(path, column)

    return run


def test_captions_and_labels(read):
    assert read('image_id,caption\n1,"a dog, wet"\r\n\n2,\n', "caption") == {
        "1": "a dog, wet",
        "2": "",
    }
    assert read("labels;image_id\nsea| sun ;7\n;8\n") == {"7": ["sea", "sun"], "8": []}
    assert read("\ufeffimage_id\tlabels\na b\tsea, blue|x\n", name="x.TSV") == {
        "a b": ["sea, blue", "x"]
    }
    assert is_csv("x.TSV") and is_csv("a/b.csv") and not is_csv("a.csv.json")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "columns image_id and labels, no others"),
        ("image_id,labels,truth\n1,a,b\n", "columns image_id and labels, no others"),
        ("image_id,labels\n", "at least one image"),
        ("image_id,labels\n1,a\n1,b\n", "line 3: image_id '1' again"),
        ("image_id,labels\n1,a,b\n", "line 2: 3 cells"),
        ('image_id,labels\n1,"a"b\n', "must be a CSV file"),
        (b"image_id,labels\n\xff,a\n", "UTF-8"),
        (b"PK\x03\x04", "workbook"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(read, text, reason):
    with pytest.raises(ValueError, match=reason) as error:
        read(text)
    assert "\n" not in str(error.value) and "mine.csv" in str(error.value)
