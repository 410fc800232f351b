"""Work directories: names that tell runs apart, and figures that count."""

import json
from pathlib import Path

import pytest

from semreg_tf.reporting.run_files import RunFiles, distinct_labels, is_number, read_run


def make(name="demo_tags/ria", row="Table 1: RIA", stage="joint", seed=1, folder="run", **results):
    config = {"name": name, "table_row": row, "seed": seed, "data": {"task": "tags"}}
    about = {"config": config, "stage": stage}
    return RunFiles(Path(folder), about, results, (), (), {}, ())


def test_labels_are_as_short_as_tells_runs_apart():
    runs = [
        make(row="Table 1: Ours"),
        make(),
        make(name="demo_captions/ria", row="control: detached"),
        make(name="demo_tags/own", row="your own pictures"),
    ]
    assert distinct_labels(runs) == ["Ours", "RIA", "detached", "own"]


def test_labels_differ_by_stage_then_seed_then_folder():
    runs = [make(stage="unary"), make(seed=1), make(seed=2), make(seed=2, folder="again")]
    assert distinct_labels(runs) == [
        "RIA, unary",
        "RIA, joint, seed 1",
        "RIA, joint, seed 2, run",
        "RIA, joint, seed 2, again",
    ]
    assert distinct_labels([make(), make()]) == ["RIA (1)", "RIA (2)"]


def test_an_untrained_decoder_has_no_scores():
    systems = {"ours": {"O-F1": 0.1}, "CNN top 3": {"O-F1": 0.6, "per_class": [], "mAP": None}}
    assert make(systems=systems).main_scores() == {"O-F1": 0.1}
    assert make(stage="unary", systems=systems).main_scores() == {"O-F1": 0.6}
    assert list(make(stage="unary", systems=systems).tag_systems()) == ["CNN top 3"]


def retrieval(split="test", whole=True):
    figures = {"R@1": 0.2, "R@5": 0.5, "R@10": 0.75, "median_rank": 5.5, "num_candidates": 1000}
    ways = {"image by sentence": figures, "sentence by image": {**figures, "R@1": 0.25}}
    return {"split": split, "whole_split": whole, "retrieval": ways}


def test_retrieval_on_the_same_split_is_among_the_scores(tmp_path):
    config = {"name": "x/y", "data": {"task": "captions"}}
    (tmp_path / "config.json").write_text(json.dumps({"config": config, "stage": "joint"}))
    results = {"task": "captions", "split": "test", "captions": {"CIDEr": 0.5}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert read_run(tmp_path).main_scores() == {"CIDEr": 0.5}
    (tmp_path / "retrieval.json").write_text(json.dumps(retrieval()))
    scores = read_run(tmp_path).main_scores()
    assert (scores["image retrieval R@1"], scores["sentence retrieval R@1"]) == (0.2, 0.25)
    assert scores["sentence retrieval median rank"] == 5.5
    (tmp_path / "retrieval.json").write_text(json.dumps(retrieval("validation")))
    assert read_run(tmp_path).main_scores() == {"CIDEr": 0.5}
    assert read_run(tmp_path).notes == ()
    (tmp_path / "retrieval.json").write_text('{"split": ')
    assert "retrieval.json cannot be read" in read_run(tmp_path).notes[0]


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), []])
def test_what_is_no_number(value):
    assert not is_number(value)


def test_reads_what_there_is(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"config": {"name": "a/b"}, "stage": "x"}))
    (tmp_path / "concepts.txt").write_text("semreg_tf names 1\nhot dog\t12\n")
    (tmp_path / "predictions.jsonl").write_text('{"image_id": 0}\n{"no": 1}\n\n[]\n{"image')
    run = read_run(tmp_path)
    assert (run.experiment, run.family, run.task, run.dataset) == ("a/b", "a", "", "unknown data")
    assert run.folder == "/".join(tmp_path.parts[-3:])
    assert run.concept_counts == {"hot dog": 12}
    assert run.predictions == ({"image_id": 0},)
    assert run.notes == ("predictions.jsonl: 2 lines cannot be read and are left out.",)
