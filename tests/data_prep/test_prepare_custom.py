import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN_FOLDER = ROOT / "data_prep" / "custom" / "dummy_data"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "data_prep.prepare_custom", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )


def test_checks_and_prepares_nothing(tmp_path):
    done = run(f"--raw_dir={OWN_FOLDER}", "--check_only", f"--data_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "10 pictures (train 8, validation 1, test 1), 9 captions" in done.stdout
    assert done.stdout.endswith("No problem was found.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.large
def test_prepares(tmp_path):
    done = run(f"--raw_dir={OWN_FOLDER}", f"--data_dir={tmp_path}", "--shorter_side=16")
    assert done.returncode == 0, done.stderr
    assert "Prepared in" in done.stdout


@pytest.mark.large
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"--raw_dir={OWN_FOLDER}"], "error: `data_dir` must say where the shards go."),
        (["--raw_dir=/nowhere", "--check_only"], "error: `raw_dir` must be the folder of"),
        (
            [f"--raw_dir={OWN_FOLDER.parent}", f"--annotations={OWN_FOLDER}/annotations.jsonl"],
            "Received: annotations=",
        ),
    ],
)
def test_what_is_wrong_is_told_without_a_trace(tmp_path, arguments, message):
    if "--annotations" in arguments[-1]:
        arguments = [*arguments, f"--data_dir={tmp_path}"]
    failed = run(*arguments)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in failed.stderr
