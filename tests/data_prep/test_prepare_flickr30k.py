"""The command, on the small raw tree beside the builder."""

from pathlib import Path

import pytest

NAME = "prepare_flickr30k"
RAW_DIR = Path(__file__).parents[2] / "data_prep" / "flickr30k" / "dummy_data"


@pytest.mark.large
def test_the_counts_are_printed_and_the_published_ones(tmp_path, run_command):
    done = run_command(NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--splits=lists")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "flickr30k/lists/1.0.0" in lines
    assert lines[-1].startswith("published: 31,783 images, 158,915 captions; 29,783 / 1,000")


@pytest.mark.large
def test_it_explains_itself_and_fails_in_one_line(tmp_path, run_command):
    help_text = run_command(NAME, "--help").stdout
    assert "python -m data_prep.prepare_flickr30k --" in help_text
    assert "<file_order|karpathy|lists>" in help_text
    failed = run_command(NAME, f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}")
    assert failed.returncode == 2
    assert "more than 2,000 images" in failed.stderr.splitlines()[-1]
