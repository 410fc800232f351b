from pathlib import Path

import pytest

RAW_DIR = Path(__file__).parents[2] / "data_prep" / "nus_wide" / "dummy_data"


@pytest.mark.large
def test_prepares_a_variant_and_prints_the_published_counts(run_command, tmp_path):
    arguments = [f"--raw_dir={RAW_DIR}", f"--data_dir={tmp_path}", "--splits=official"]
    done = run_command("prepare_nus_wide", *arguments, "--user_tags=1k")
    assert done.returncode == 0, done.stderr
    assert f"Prepared in {tmp_path}/nus_wide/official/1.0.0" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["images", "of", "sky", "12", "74,190"] in lines
    assert ["user", "tags", "from", "NUS_WID_Tags/AllTags1k.txt"] in lines
