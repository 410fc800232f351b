"""Files of an evaluation: which pictures are kept, names and ids of a submission, the folder."""

import json

import pytest

from semreg_tf.evaluation.runs import result_files
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.metrics.coco_results import read_results


@pytest.fixture(scope="module")
def run(tag_run, demo_data):
    return EvaluatedRun(tag_run, demo_data, ["decoding.block_repeats=true"])


def test_the_first_the_best_and_the_worst_are_pictured():
    scores = [0.5, 0.5, 0.9, None, 0.1, 0.7, float("nan"), 0.0]
    assert result_files.pictured_rows(scores, 1, 1) == [0, 2, 7]
    assert result_files.pictured_rows(scores, 2, 2) == [0, 1, 2, 4, 5, 7]
    assert result_files.pictured_rows(scores, 100, 1) == list(range(8))
    assert result_files.pictured_rows(scores, 0, 3) == []
    assert result_files.pictured_rows([None, None, None], 2) == [0, 1]


def test_of_equal_scores_the_earlier_is_the_better():
    assert result_files.pictured_rows([0.3] * 6, 1, 2) == [0, 1, 4, 5]


def test_submission_has_integers_where_ids_are_digits(tmp_path):
    path = tmp_path / result_files.submission_name("val2014", "coco_captions/s_cnn_rnn")
    assert path.name == "captions_val2014_s_cnn_rnn_results.json"
    captions = {"391895": "a dog", "0012": "zeros stay", "12": "a cat", "img_1": "x", "٣": "y"}
    result_files.write_submission(path, captions)
    assert read_results(path) == {
        391895: "a dog", "0012": "zeros stay", 12: "a cat", "img_1": "x", "٣": "y"
    }  # fmt: skip


def test_submission_names_are_words():
    assert result_files.submission_name("test", "my own run") == (
        "captions_test_my-own-run_results.json"
    )
    with pytest.raises(ValueError, match="`split` must be a word"):
        result_files.submission_name("val/2014", "x")


def test_a_folder_of_results_explains_itself(run, tag_run, tmp_path):
    folder = result_files.open_folder(run, tmp_path / "new" / "out")
    about = json.loads((folder / "config.json").read_text())
    assert about["config"]["decoding"]["block_repeats"]
    assert about["evaluated"] == [str(tag_run)]
    assert (folder / "concepts.txt").read_text() == (tag_run / "concepts.txt").read_text()
    # The run's own config is as it was.
    own = json.loads((tag_run / "config.json").read_text())
    assert not own["config"]["decoding"]["block_repeats"]
    assert result_files.open_folder(run, folder) == folder


def test_the_run_itself_takes_results_by_default(run, tag_run):
    before = (tag_run / "config.json").read_bytes()
    assert result_files.open_folder(run, None) == tag_run
    assert result_files.open_folder(run, str(tag_run) + "/") == tag_run
    assert (tag_run / "config.json").read_bytes() == before


def test_another_run_and_a_file_are_refused(run, tmp_path):
    (tmp_path / "other" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"`out` must be .*Received: out=.*, a run with"):
        result_files.open_folder(run, tmp_path / "other")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"`out` must be a new folder .*Received: out=.*, a file"):
        result_files.open_folder(run, tmp_path / "file")


def test_pictures_of_an_earlier_evaluation_are_removed(run, tmp_path):
    split = run.split("test")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("test-00007.jpg", "test-two-00007.jpg", "mine.jpg", "validation-00001.jpg"):
        (pictures / name).write_bytes(b"old")
    rows = [{"image_id": a.image_id} for a in split.annotations]
    result_files.write(tmp_path, split, rows, {"a": 1}, [1, 3])
    assert sorted(path.name for path in pictures.iterdir()) == [
        "mine.jpg",
        "test-00001.jpg",
        "test-00003.jpg",
        "test-two-00007.jpg",
        "validation-00001.jpg",
    ]
    assert [i for i, row in enumerate(rows) if "picture" in row] == [1, 3]
    assert json.loads((tmp_path / "results.json").read_text()) == {"a": 1}
    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == 8
    assert not list(tmp_path.glob("*.partial"))
