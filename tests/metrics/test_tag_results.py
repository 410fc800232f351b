"""Predicted labels as JSON Lines, and what a broken file is told."""

import pytest

from semreg_tf.metrics.tag_results import read_tag_results


@pytest.fixture
def read(tmp_path):
    def run(text):
        path = tmp_path / "tags.jsonl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_tag_results(path)

    return run


def test_reads_ids_and_labels_in_order(read):
    text = (
        '{"image_id": 42, "labels": ["sky", "water"]}\r\n\n'
        '{"labels": [], "image_id": "a\u2028b"}\n{"image_id": "x", "labels": ["caf\\u00e9"]}'
    )
    expected = {42: ["sky", "water"], "a\u2028b": [], "x": ["café"]}
    assert list(read(text).items()) == list(expected.items())


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", ValueError, r"at least one image\. Received: path=.* without any"),
        (
            b"\xff",
            ValueError,
            r"UTF-8 text: invalid start byte at byte 0, on line 1\. Received: path=",
        ),
        ('\n{"image_id": 1,', ValueError, r"at column 16\. Received: path=.*line 2$"),
        ("[1]", ValueError, r"image_id and labels, .*line 1: list$"),
        ('{"image_id": 1}', ValueError, r"no other key\. Received: .*\['image_id'\]"),
        (
            '{"image_id": 1, "labels": [], "n_best": []}',
            ValueError,
            r"\['image_id', 'labels', 'n_best'\]",
        ),
        ('{"image_id": 1.5, "labels": []}', TypeError, r"`image_id` .*image_id=1\.5"),
        ('{"image_id": true, "labels": []}', TypeError, r"`image_id` .*image_id=True"),
        ('{"image_id": 1, "labels": "sky"}', TypeError, r"`labels` .*line 1: labels='sky'"),
        ('{"image_id": 1, "labels": [2]}', TypeError, r"`labels` .*labels=\[2\]"),
        (
            '{"image_id": 1, "labels": []}\n\n{"image_id": 1, "labels": []}',
            ValueError,
            r"each image once\. Received: .*line 3: image_id 1 again",
        ),
    ],
)
def test_a_broken_file_is_refused_with_its_place(read, text, error, says):
    with pytest.raises(error, match=says):
        read(text)
