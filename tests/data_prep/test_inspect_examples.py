import os
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "data_prep.inspect_examples", *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )


def test_prints_the_tables_and_draws_the_sheet(demo_data, tmp_path):
    out = tmp_path / "sheet.png"
    done = run(f"--data_dir={demo_data}", "--dataset=demo", f"--out={out}", "--number=4", "--top=3")
    assert done.returncode == 0, done.stderr
    assert "split train: 40 images" in done.stdout
    assert "images with each, the 3 most frequent" in done.stdout
    assert f"{out}: demo/1.0.0, train: 4 of 40 images" in done.stdout
    with PIL.Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 2 * 20 + 4 * 264 + 3 * 14


@pytest.mark.large
def test_an_unknown_split_is_one_line(demo_data):
    failed = run(f"--data_dir={demo_data}", "--dataset=demo", "--split=all")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("error: `split` must be one of test, train")
