import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RAW_DIR = ROOT / "data_prep" / "nus_wide" / "dummy_data"


@pytest.mark.large
def test_prepares_a_variant_and_prints_the_published_counts(tmp_path):
    arguments = [f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--splits=official"]
    done = subprocess.run(
        [sys.executable, "-m", "data_prep.prepare_nus_wide", *arguments, "--user_tags=1k"],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"Prepared in {tmp_path}/nus_wide/official/1.0.0" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["images", "of", "sky", "12", "74,190"] in lines
    assert ["user", "tags", "from", "NUS_WID_Tags/AllTags1k.txt"] in lines
