"""The command, on the small raw tree beside the builder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RAW_DIR = ROOT / "data_prep" / "flickr30k" / "dummy_data"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "data_prep.prepare_flickr30k", *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )


@pytest.mark.large
def test_the_counts_are_printed_and_the_published_ones(tmp_path):
    done = run(f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--splits=lists")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "flickr30k/lists/1.0.0" in lines
    assert lines[-1].startswith("published: 31,783 images, 158,915 captions; 29,783 / 1,000")


@pytest.mark.large
def test_it_explains_itself_and_fails_in_one_line(tmp_path):
    help_text = run("--help").stdout
    assert "python -m data_prep.prepare_flickr30k --" in help_text
    assert "<file_order|karpathy|lists>" in help_text
    failed = run(f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}")
    assert failed.returncode == 1
    assert "more than 2,000 images" in failed.stderr.splitlines()[-1]
