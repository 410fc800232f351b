"""The COCO results format, there and back, and what a broken file is told."""

import json

import numpy as np
import pytest

from semreg_tf.metrics.coco_results import read_results, results_file_name, write_results


def test_round_trip_keeps_ids_captions_and_order(tmp_path):
    captions = {391895: "a man on a bike", 5: "caf\u00e9 \U0001f600", "image_1": ""}
    path = tmp_path / "new" / results_file_name("val2014", "ours")
    write_results(path, captions)
    assert list(read_results(path).items()) == list(captions.items())
    assert [entry.keys() for entry in json.loads(path.read_text())] == [{"image_id", "caption"}] * 3


def test_numpy_ids_become_integers(tmp_path):
    write_results(tmp_path / "r.json", {np.int64(7): "a dog"})
    assert read_results(tmp_path / "r.json") == {7: "a dog"}


def test_coco_loads_it(tmp_path):
    from pycocotools.coco import COCO

    write_results(tmp_path / "r.json", {7: "a dog", 8: "a cat"})
    coco = COCO()
    coco.dataset = {"images": [{"id": 7}, {"id": 8}], "annotations": [], "info": {}, "licenses": []}
    coco.createIndex()
    results = coco.loadRes(str(tmp_path / "r.json"))
    assert [a["caption"] for a in results.imgToAnns[8]] == ["a cat"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "r.json"
    write_results(path, {1: "old"})
    with pytest.raises(TypeError, match="`caption` must be a string"):
        write_results(path, {1: "new", 2: None})
    (tmp_path / "r.json.partial").mkdir()
    with pytest.raises(OSError, match=r"r\.json\.partial"):
        write_results(path, {1: "new"})
    assert read_results(path) == {1: "old"}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('[{"image_id": 1,\n "caption" "a"}]', ValueError, "delimiter at line 2, column 12. Rec"),
        ("", ValueError, "`path` must be a JSON file: .* line 1, column 1"),
        (b"[\xff]", ValueError, "`path` must hold UTF-8 text: invalid start byte at byte 1"),
        ('{"image_id": 1, "caption": "a"}', ValueError, "must hold a JSON list .*with a dict"),
        ('[{"image_id": 1}]', ValueError, "caption missing. Received: .*r.json', entry 0"),
        ("[3]", ValueError, "image_id and caption missing. Received: .*entry 0: 3"),
        ('[{"image_id": 1, "caption": 2}]', TypeError, "`caption` must be a string.*caption=2"),
        ('[{"image_id": 1.5, "caption": "a"}]', TypeError, "`image_id` must be .*image_id=1.5"),
        ('[{"image_id": true, "caption": "a"}]', TypeError, "`image_id` must be .*image_id=True"),
        (
            '[{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]',
            ValueError,
            "`path` must name each image once. Received: .*entry 1: image_id 1 again",
        ),
    ],
)
def test_errors_name_what_is_wrong_and_where(tmp_path, text, error, message):
    path = tmp_path / "r.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(error, match=message):
        read_results(path)


def test_file_name_refuses_blanks_and_slashes():
    assert results_file_name("test2014", "ours") == "captions_test2014_ours_results.json"
    with pytest.raises(ValueError, match=r"`name` must be a word.*name='my model'"):
        results_file_name("val2014", "my model")
    with pytest.raises(ValueError, match=r"`split` must be a word.*split='../x'"):
        results_file_name("../x", "ours")
    with pytest.raises(ValueError, match=r"`name` must be a word.*name=''"):
        results_file_name("val2014", "")
