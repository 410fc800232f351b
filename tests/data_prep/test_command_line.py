import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from absl import flags, logging

from data_prep import command_line
from data_prep.command_line import plain_errors

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def parsed_flags():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    before = logging.get_verbosity()
    yield
    logging.set_verbosity(before)


def test_a_refused_argument_is_one_line_and_a_status(capsys):
    with pytest.raises(SystemExit) as stopped, plain_errors():
        raise ValueError("`raw_dir` must be there. Received: raw_dir='x'")
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "error: `raw_dir` must be there. Received: raw_dir='x'\n"


def test_other_errors_keep_their_trace():
    with pytest.raises(RuntimeError), plain_errors():
        raise RuntimeError("a bug")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )


def test_prepare_flickr8k_runs_from_the_shell(flickr8k_raw_dir, tmp_path):
    done = run(
        "data_prep.prepare_flickr8k", f"--raw_dir={flickr8k_raw_dir}", f"--data_dir={tmp_path}"
    )
    assert done.returncode == 0, done.stderr
    assert "split left out" not in done.stdout
    assert "name in the token file broken: 1" in done.stdout


def test_prepare_flickr8k_fails_in_one_line(tmp_path):
    failed = run("data_prep.prepare_flickr8k", f"--raw_dir={tmp_path}/no", f"--data_dir={tmp_path}")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("error: `raw_dir` must be the folder that")
    assert "Traceback" not in failed.stderr


@pytest.mark.large
@pytest.mark.parametrize("name", ["prepare_demo", "prepare_flickr8k", "build_vocabulary"])
def test_every_command_explains_itself(name):
    done = run(f"data_prep.{name}", "--help")
    assert "--data_dir" in done.stdout
    assert f"python -m data_prep.{name} --" in done.stdout


@pytest.mark.large
def test_build_vocabulary_counts_another_split(flickr8k_raw_dir, tmp_path):
    run("data_prep.prepare_flickr8k", f"--raw_dir={flickr8k_raw_dir}", f"--data_dir={tmp_path}")
    arguments = (f"--data_dir={tmp_path}", "--dataset=flickr8k", "--train_split=validation")
    done = run("data_prep.build_vocabulary", *arguments)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "flickr8k" / "1.0.0" / "vocabulary" / "words.txt"
    assert "dog\t10\n" in path.read_text()


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError, PermissionError])
def test_refusals_and_unreadable_files_are_one_line(error, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "flags", SimpleNamespace(FLAGS=Verbosity()))
    with pytest.raises(SystemExit) as stopped, command_line.plain_errors():
        raise error("`path` must be a file. Received: path='x'")
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "error: `path` must be a file. Received: path='x'\n"


class Verbosity:
    """Flags as parsed, without `--verbosity`."""

    def __getitem__(self, name):
        return SimpleNamespace(present=False)
