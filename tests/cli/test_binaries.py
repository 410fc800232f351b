"""Every binary: quick help of its own flags, one line for a flag it does not have."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("train", "eval", "data_prep")
BINARIES = sorted(
    f"{folder}.{path.stem}"
    for folder in FOLDERS
    for path in (ROOT / folder).glob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def answers():
    """What every binary says to --help and to an unknown flag."""
    command = [sys.executable, str(Path(__file__).with_name("sweep.py")), *BINARIES]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_binaries_are_found():
    assert len(BINARIES) > 30
    assert {"train.train_all", "eval.serve", "data_prep.prepare"} <= set(BINARIES)


@pytest.mark.parametrize("name", BINARIES)
def test_help_is_quick_and_shows_the_binarys_own_flags(answers, name):
    help_, _ = answers[name]
    assert (help_["status"], help_["err"], help_["slow"]) == (0, "", [])
    assert f"python -m {name}" in help_["out"]
    assert help_["flags"]
    for flag, text in help_["flags"].items():
        assert f"--{flag}:" in help_["out"] or f"--[no]{flag}:" in help_["out"]
        # Without the choices, which absl writes before the text.
        text = re.sub(r"^<[^>]*>: ", "", text)
        assert re.fullmatch(r"[A-Z\"0-9].{8,}[.\]]", text), f"--{flag}: {text!r}"


@pytest.mark.parametrize("name", BINARIES)
def test_help_says_once_that_a_flag_may_be_repeated(answers, name):
    help_, _ = answers[name]
    assert "import" in help_["repeatable"]
    assert "repeat this option" not in help_["out"]
    for flag in help_["repeatable"]:
        (_,) = re.findall("repeat|given twice", help_["flags"][flag])


def test_help_names_unary_as_the_encoders_default_only_where_there_is_such_a_flag(answers):
    for name in ("all", "unary", "relational", "joint"):
        flags = answers[f"train.train_{name}"][0]["flags"]
        assert ("--unary" in flags["encoder"]) == ("unary" in flags)


@pytest.mark.parametrize("name", BINARIES)
def test_a_mistyped_flag_is_one_line_with_status_2(answers, name):
    _, refused = answers[name]
    assert (refused["status"], refused["out"], refused["slow"]) == (2, "", [])
    (line,) = refused["err"].splitlines()
    assert line.startswith("error: ")
    assert "no_such_flag" in line or name == "data_prep.prepare"


def test_binaries_that_take_a_config_list_its_fields(answers):
    for name in ("train.train_unary", "train.train_all", "eval.evaluate_tags"):
        assert "--[no]help_config" in answers[name][0]["out"]


def test_choices_of_a_flag_are_those_of_the_library(answers):
    """The binaries repeat them, because the library's modules import TensorFlow."""
    from semreg_tf.evaluation.evaluate_predictions import TASKS
    from semreg_tf.evaluation.runs.options import NUM_PICTURES
    from semreg_tf.exporting.stored_weights import WEIGHTS_DTYPES
    from semreg_tf.models.caffe_weights import NETWORKS
    from semreg_tf.training.distribution import STRATEGIES

    for name, choices in (
        ("train.train_all", STRATEGIES),
        ("eval.export_model", WEIGHTS_DTYPES),
        ("eval.evaluate_predictions", TASKS),
        ("data_prep.convert_caffe_weights", NETWORKS),
    ):
        assert f"<{'|'.join(choices)}>" in answers[name][0]["out"]
    assert (
        f"0: save none.\n    (default: '{NUM_PICTURES}')" in answers["eval.evaluate_tags"][0]["out"]
    )
