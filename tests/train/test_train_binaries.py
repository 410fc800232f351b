"""What a user's mistakes print: one line that names the thing and the fix, exit status 2."""

import h5py
import numpy as np
import pytest

from tests.processes import run_module


def run(*arguments):
    return run_module(*arguments)


def error_of(done):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    return line


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--experiment=demo_tags/s_cnn_rn"], "known name: did you mean 'demo_tags/s_cnn_rnn'?"),
        (
            ["--experiment=demo_tags/s_cnn_rnn", "--config.relational.lr=1"],
            "names no field 'lr'",
        ),
        (["--experiment=coco_tags/s_cnn_rnn"], "semreg prepare --dataset=coco_tags"),
        (
            ["--experiment=demo_tags/s_cnn_rnn", "--config.data.train_split=trian"],
            "trian",
        ),
    ],
)
def test_mistake_is_one_line(flags, says, demo_data, tmp_path):
    workdir = tmp_path / "run"
    done = run("train.train_relational", *flags, f"--data_dir={demo_data}", f"--workdir={workdir}")
    assert says in error_of(done)
    assert not workdir.exists()


def test_weights_that_do_not_fit_are_named(demo_data, tmp_path):
    weights = tmp_path / "other.h5"
    with h5py.File(weights, "w") as f:
        f["conv1/conv1/kernel:0"] = np.zeros((1, 1), "f")
    done = run(
        "train.train_unary",
        "--experiment=demo_tags/s_cnn_rnn",
        f"--data_dir={demo_data}",
        f"--workdir={tmp_path / 'run'}",
        f"--config.encoder.weights={weights}",
    )
    assert str(weights) in error_of(done)
    assert not (tmp_path / "run").exists()


def test_help_explains_itself():
    done = run("train.train_joint", "--help")
    assert "L = Lu + Lr" in done.stdout
    assert "--unary" in done.stdout
    assert "--experiment" in done.stdout


def test_trains_and_resumes(demo_data, tmp_path):
    command = (
        "train.train_relational",
        "--experiment=demo_tags/s_cnn_rnn",
        f"--data_dir={demo_data}",
        f"--workdir={tmp_path / 'run'}",
        "--config.decoder.cells=16",
        "--config.relational.validation_images=4",
        "--config.relational.validate_every_steps=0",
    )
    first = run(*command, "--config.relational.steps=2", "--seed=3")
    assert first.returncode == 0, first.stderr
    again = run(*command, "--config.relational.steps=3", "--seed=3")
    assert '"steps": 3' in again.stdout
    assert "Resuming at step 2" in again.stderr
