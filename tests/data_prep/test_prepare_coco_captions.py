"""The command, on the small raw tree beside the builder."""

from pathlib import Path

import pytest

NAME = "prepare_coco_captions"
RAW_DIR = Path(__file__).parents[2] / "data_prep" / "coco_captions" / "dummy_data"


@pytest.mark.large
def test_both_ways_to_split_stand_side_by_side(tmp_path, run_command):
    for flags, name, images in (([], "", "11"), (["--splits=karpathy"], "karpathy/", "8")):
        done = run_command(NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", *flags)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert f"coco_captions/{name}1.0.0" in lines
        assert next(line for line in lines if line.startswith("train ")).split()[1] == images
        # The paper's own figures stand below those that were found.
        assert lines[-1].startswith("published: 117,211 / 2,025 / 4,051 images")
        assert "92 %" in lines[-1]


@pytest.mark.large
def test_it_explains_itself_and_fails_in_one_line(tmp_path, run_command):
    help_text = run_command(NAME, "--help").stdout
    assert "python -m data_prep.prepare_coco_captions --" in help_text
    assert "<im2txt|karpathy>" in help_text
    failed = run_command(NAME, f"--raw_dir={tmp_path}", f"--data_dir={tmp_path}")
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: `raw_dir` must hold annotations/capt")
