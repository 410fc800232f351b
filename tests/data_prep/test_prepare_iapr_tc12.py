"""The command, on the small raw tree beside the builder."""

from pathlib import Path

import pytest

NAME = "prepare_iapr_tc12"
RAW_DIR = Path(__file__).parents[2] / "data_prep" / "iapr_tc12" / "dummy_data"


@pytest.mark.large
def test_the_counts_are_printed_and_the_published_ones(tmp_path, run_command):
    done = run_command(NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--splits=lists")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "iapr_tc12/lists/1.0.0" in lines
    assert lines[-1].startswith("published: 20,000 images, 17,665 / 1,962 of them")


@pytest.mark.large
def test_it_explains_itself_and_fails_in_one_line(tmp_path, run_command):
    help_text = run_command(NAME, "--help").stdout
    assert "python -m data_prep.prepare_iapr_tc12 --" in help_text
    assert "<drawn|lists>" in help_text
    failed = run_command(NAME, f"--raw_dir={tmp_path}", f"--data_dir={tmp_path}")
    assert failed.returncode == 2
    assert "there is no annotations_complete_eng, images" in failed.stderr.splitlines()[-1]
