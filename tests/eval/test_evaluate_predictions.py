"""The binary that scores others' predictions: tables, and one line for each kind of bad file."""

import json

import pytest

from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder
from tests.processes import run_module


def run(*flags):
    return run_module("eval.evaluate_predictions", *flags)


@pytest.fixture
def annotations(demo_data):
    return read_annotations(find_builder(demo_data, "demo").data_dir, "test")


def test_scores_captions_and_says_who_is_missing(annotations, demo_data, tmp_path):
    path, out = tmp_path / "mine.json", tmp_path / "scores.json"
    own = [{"image_id": a.image_id, "caption": a.captions[0]} for a in annotations[1:]]
    path.write_text(json.dumps(own))
    flags = ("--task=captions", f"--predictions={path}", f"--data_dir={demo_data}")
    done = run(*flags, "--dataset=demo", "--meteor=no", "--allow_missing", f"--out={out}")
    assert done.returncode == 0, done.stderr
    assert "7 images of demo test" in done.stdout
    assert "BLEU-4   1.0000  1.0000-1.0000" in done.stdout
    assert "note: 1 images have no prediction and are left out" in done.stdout
    assert json.loads(out.read_text())["num_missing"] == 1


def test_scores_tags(annotations, demo_data, tmp_path):
    path = tmp_path / "mine.jsonl"
    rows = [{"image_id": a.image_id, "labels": a.labels} for a in annotations]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("--task=tags", f"--predictions={path}", f"--data_dir={demo_data}", "--dataset=demo")
    assert done.returncode == 0, done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("mine")]
    assert line.split()[4:7] == ["100.00", "100.00", "100.00"]


def test_a_bad_file_is_one_line(demo_data, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('[{"image_id": 1, "caption": "a"},\n]')
    done = run(
        "--task=captions", f"--predictions={path}", f"--data_dir={demo_data}", "--dataset=demo"
    )
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert "line 1, column" in line or "line 2, column" in line
    assert "Traceback" not in done.stderr
