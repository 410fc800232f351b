"""The command, on the small raw tree beside the builder."""

from pathlib import Path

import pytest

NAME = "prepare_coco_tags"
RAW_DIR = Path(__file__).parents[2] / "data_prep" / "coco_tags" / "dummy_data"


@pytest.mark.large
def test_the_counts_are_printed_and_the_published_ones(tmp_path, run_command):
    done = run_command(
        NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--keep_without_objects"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert next(line for line in lines if line.startswith("train ")).split()[1] == "3"
    assert any(line.startswith("image without objects, kept: 2 (COCO_") for line in lines)
    assert lines[-3] == "in instances_train2014.json: 3 images, 4 objects, 1 images without objects"
    assert lines[-1].startswith("published for 2014: 82,783 / 40,504 images")


@pytest.mark.large
def test_it_explains_itself_and_fails_in_one_line(tmp_path, run_command):
    help_text = run_command(NAME, "--help").stdout
    assert "python -m data_prep.prepare_coco_tags --" in help_text
    assert "<2014|2017|coco128>" in help_text
    failed = run_command(
        NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--variant=coco128"
    )
    assert failed.returncode == 2
    assert "there is no annotations/instances_train2017.json" in failed.stderr.splitlines()[-1]
