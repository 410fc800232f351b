"""The server's binary: what cannot be served is one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.large
@pytest.mark.parametrize(
    ("model", "flag", "message"),
    [
        (
            "tests",
            "--port=0",
            "error: `path` must be a folder written by the export command",
        ),
        (
            "models/flickr8k_captions",
            "--host=192.0.2.1",
            "error: Cannot serve on 192.0.2.1",
        ),
    ],
)
def test_a_wrong_model_or_address_is_one_line(model, flag, message):
    command = [sys.executable, "-m", "eval.serve", f"--model={model}", flag]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
