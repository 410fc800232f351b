"""The command `semreg`: its subcommands are the binaries, told under its own name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import commands
from semreg_tf import __main__ as entry
from tests.processes import run_module

ROOT = Path(__file__).parents[2]


def run(*arguments, cwd=ROOT):
    return run_module("semreg_tf", *arguments, cwd=cwd)


def test_it_lists_its_commands():
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:-2]] == list(commands.COMMANDS)
    nothing = run()
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (2, "", done.stdout)


def test_an_unknown_command_gets_a_hint():
    done = run("trian")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: there is no command 'trian': did you mean 'train'? Known:"
    )


def test_every_command_is_a_binary():
    for command in commands.COMMANDS.values():
        path = entry.binaries_folder() / f"{command.module.replace('.', '/')}.py"
        assert '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def test_help_is_told_in_the_commands_own_words():
    text = (
        "Run from the checkout:\n  python -m train.train_all --x\n  python -m eval.evaluate_tags -y"
    )
    assert commands.named_as_commands(text) == "  semreg train --x\n  semreg evaluate -y"
    assert commands.named_as_commands("python -m train.train_unary -") == "semreg train_unary -"
    assert commands.named_as_commands("python -m eval.list -") == "python -m eval.list -"


def test_an_installed_package_has_the_binaries_inside(tmp_path, monkeypatch):
    (tmp_path / "binaries").mkdir()
    monkeypatch.setattr(entry, "__file__", str(tmp_path / "__main__.py"))
    assert entry.binaries_folder() == tmp_path / "binaries"
    (tmp_path / "binaries").rmdir()
    assert entry.binaries_folder() == tmp_path.parent


def test_commands_run_from_an_installed_package(tmp_path):
    package = tmp_path / "semreg_tf"
    (package / "binaries").mkdir(parents=True)
    for path in (ROOT / "semreg_tf").iterdir():
        (package / path.name).symlink_to(path)
    for name in ("cli", "data_prep", "eval", "train"):
        (package / "binaries" / name).symlink_to(ROOT / name)
    manifest = (ROOT / "docs/kubernetes/train.yaml").read_text(encoding="utf-8")
    command = re.search(r"exec semreg (\S+)", manifest)[1]
    # A whole process, since the one that `run` forks has the checkout's package.
    module = [sys.executable, "-m", "semreg_tf"]
    done = subprocess.run(
        [*module, command, "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"{package}/binaries/train/{command}.py:" in done.stdout
    flags = set(re.findall(r" --(\w+)=", manifest[manifest.index("exec semreg") :]))
    assert flags == {"strategy", "experiment", "data_dir", "unary", "relational", "workdir"}
    assert all(f"  --{flag}: " in done.stdout for flag in flags)


def test_it_works_in_any_folder_and_imports_what_lies_there(tmp_path):
    (tmp_path / "train.py").write_text("raise SystemExit('the wrong train')")
    (tmp_path / "mine.py").write_text(
        "import semreg_tf\n"
        "ria = semreg_tf.experiments.get('demo_tags/ria')\n"
        "semreg_tf.register_experiment('mine/copy', ria)\n"
    )
    shown = run("train", "--import=mine", "--experiment=mine/copy", "--help_config", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "--config.name=mine/copy" in shown.stdout
    listed = run("list", "--match=mine/", "--import=mine", cwd=tmp_path)
    assert listed.stdout.startswith("mine/copy\n"), listed.stderr


def test_a_module_that_is_not_there_is_one_line(tmp_path):
    done = run("list", "--import=nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: `--import` must name a module in the working directory or an installed one. "
        "Received: --import=nowhere\n"
    )


@pytest.mark.parametrize("workdir", ["/nowhere", ""])
def test_evaluating_no_run_is_one_line(workdir):
    done = run("evaluate", f"--workdir={workdir}", "--data_dir=data")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: `workdir` must be the folder of a run, with a config.json"
    )


def test_evaluate_has_the_flags_of_the_runs_task(caption_runs):
    done = run("evaluate", f"--workdir={caption_runs[0]}", "--help")
    assert done.returncode == 0, done.stderr
    assert "semreg evaluate --workdir=runs/joint" in done.stdout
    assert "--meteor" in done.stdout and "--cnn" not in done.stdout
