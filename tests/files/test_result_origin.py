"""Scores are of the run beside them and of its best checkpoint, or a sentence says otherwise."""

import json

import pytest

from semreg_tf.files.digests import with_own_digest
from semreg_tf.files.result_origin import best_checkpoint, other_run, other_weights
from semreg_tf.reporting.run_files import read_run

CONFIG = {"name": "x/y", "seed": 1, "data": {"dataset": "demo", "task": "tags"}}
ABOUT = {"config": CONFIG, "stage": "joint", "dataset_digests": {"pictures of train": "a"}}
RESULTS = {
    "experiment": "x/y",
    "stage": "joint",
    "dataset": "demo",
    "seed": 1,
    "task": "tags",
    "split": "test",
    "systems": {"ours": {"O-F1": 0.5}},
    "checkpoints": [{"step": 3, "sha256": "of 3"}],
    "dataset_digests": {"pictures of train": "a", "pictures of test": "b"},
}


def save_checkpoint(folder, step, weights=None):
    path = folder / "checkpoints" / f"step-{step:08d}"
    path.mkdir(parents=True)
    state = {"step": step, "tensors_index_sha256": weights or f"of {step}"}
    (path / "state.json").write_text(json.dumps(state))
    best = {"checkpoint": path.name, "metric": "O-F1", "value": 0.5}
    (folder / "checkpoints" / "best.json").write_text(json.dumps(best))


@pytest.fixture
def run(tmp_path):
    """A work directory, scored at its only checkpoint."""
    (tmp_path / "config.json").write_text(json.dumps(with_own_digest(ABOUT)))
    write(tmp_path, RESULTS)
    row = {"image_id": "1", "n_best": [], "scores": {}}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(row) + "\n")
    save_checkpoint(tmp_path, 3)
    return tmp_path


def write(folder, results):
    (folder / "results.json").write_text(json.dumps(results))


def test_scores_of_the_best_checkpoint_are_the_runs(run):
    read = read_run(run)
    assert (read.notes, read.main_scores(), len(read.predictions)) == ((), {"O-F1": 0.5}, 1)
    assert best_checkpoint(run) == {"step": 3, "sha256": "of 3"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("experiment", "x/z"), ("stage", "unary"), ("dataset", "flickr8k"), ("seed", 9)],
)
def test_scores_of_another_run_are_left_out_with_a_note(name, value, run):
    write(run, {**RESULTS, name: value})
    read = read_run(run)
    assert read.notes == (f"results.json is of another run ({name} {value!r}), and is left out.",)
    assert (read.results, read.predictions) == ({}, ())
    (run / "retrieval.json").write_text(json.dumps({**RESULTS, name: value}))
    write(run, RESULTS)
    assert read_run(run).retrieval == {}
    assert read_run(run).main_scores() == {"O-F1": 0.5}


def test_scores_of_an_earlier_checkpoint_are_marked(run):
    save_checkpoint(run, 7)
    read = read_run(run)
    assert read.notes == (
        "results.json is of the checkpoint of step 3, and the best is now of step 7.",
    )
    assert read.main_scores() == {"O-F1": 0.5}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"checkpoints": [{"step": 3, "sha256": "of others"}]}, "of the checkpoint of step 3, and"),
        ({"checkpoints": 2 * RESULTS["checkpoints"]}, "of 2 runs averaged"),
        ({"dataset_digests": {"pictures of train": "c"}}, "on other content of the data set than"),
        ({"checkpoints": None}, ""),
        ({"dataset_digests": {}}, ""),
    ],
)
def test_other_weights_and_other_data_are_told_and_early_results_pass(changed, reason, run):
    told = other_weights({**RESULTS, **changed}, ABOUT, run)
    assert told.startswith(reason)
    assert bool(told) == bool(reason)


def test_early_runs_and_folders_of_results_alone_pass(run, tmp_path):
    assert other_weights(RESULTS, ABOUT, tmp_path / "out") == ""
    assert other_weights({"systems": {}}, ABOUT, run) == ""
    assert other_run({"systems": {}}, ABOUT) == other_run(RESULTS, {}) == ""
