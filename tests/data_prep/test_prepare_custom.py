from pathlib import Path

import pytest

OWN_FOLDER = Path(__file__).parents[2] / "data_prep" / "custom" / "dummy_data"


def test_checks_and_prepares_nothing(run_command, tmp_path):
    done = run_command(
        "prepare_custom", f"--raw_dir={OWN_FOLDER}", "--check_only", f"--data_dir={tmp_path}"
    )
    assert done.returncode == 0, done.stderr
    assert "10 pictures (train 8, validation 1, test 1), 9 captions" in done.stdout
    assert done.stdout.endswith("No problem was found.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.large
def test_prepares(run_command, tmp_path):
    done = run_command(
        "prepare_custom", f"--raw_dir={OWN_FOLDER}", f"--data_dir={tmp_path}", "--shorter_side=16"
    )
    assert done.returncode == 0, done.stderr
    assert "Prepared in" in done.stdout


@pytest.mark.large
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"--raw_dir={OWN_FOLDER}"], "error: `data_dir` must be the folder to write."),
        (["--raw_dir=/nowhere", "--check_only"], "error: `raw_dir` must be the folder of"),
        (
            [f"--raw_dir={OWN_FOLDER.parent}", f"--annotations={OWN_FOLDER}/annotations.jsonl"],
            "Received: annotations=",
        ),
    ],
)
def test_what_is_wrong_is_told_without_a_trace(run_command, tmp_path, arguments, message):
    if "--annotations" in arguments[-1]:
        arguments = [*arguments, f"--data_dir={tmp_path}"]
    failed = run_command("prepare_custom", *arguments)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in failed.stderr
