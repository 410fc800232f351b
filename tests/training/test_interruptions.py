"""Whatever stops a run, and wherever: the same command ends in the same weights and files."""

import dataclasses
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data.record_errors import DamagedRecordError
from semreg_tf.stopping import Stopped
from semreg_tf.training import checkpoints, trainer, validator, workdir
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.trainer import Trainer

ROOT = Path(__file__).parents[2]


class Killed(BaseException):
    """What nothing catches, as SIGKILL."""


def make(toy, data_dir, path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"), steps=4)
    section = dataclasses.replace(
        config.relational, checkpoint_every_steps=1, validate_every_steps=1
    )
    config = dataclasses.replace(config, relational=section)
    return Trainer(config, "relational", data_dir, path)


def weights(path):
    checkpoint = checkpoints.list_checkpoints(path)[-1]
    reader = tf.train.load_checkpoint(str(checkpoint / "tensors"))
    return {n: reader.get_tensor(n) for n in checkpoints.stored_names(checkpoint)}


def outcome(path):
    rows = [json.loads(x) for x in (path / "history.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("elapsed_secs")
    names = sorted(p.name for p in (path / "checkpoints").iterdir())
    return rows, names, checkpoints.read_best(path)


def assert_same(path, whole):
    assert outcome(path) == outcome(whole)
    assert_same_weights(path, whole)


def assert_same_weights(path, whole):
    """Compares every tensor of both runs' last checkpoints, the optimisers' included."""
    ours, theirs = weights(path), weights(whole)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(toy, demo_data, tmp_path_factory):
    """A run that nothing stopped."""
    path = tmp_path_factory.mktemp("whole") / "run"
    make(toy, demo_data, path).train()
    return path


# The function whose call ends the run, and which call of it.
POINTS = {
    "row of history written, no checkpoint yet": (checkpoints, "save", 1),
    "row of history written, checkpoint not begun": (checkpoints, "save", 3),
    "tensors and state written, not yet renamed": (checkpoints, "_sync", 3),
    "renamed, not yet noted as the best": (checkpoints, "mark_best", 1),
    "the best noted under another name": (checkpoints.os, "replace", 2),
    "old ones not yet removed": (checkpoints, "prune", 3),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_of_a_save(point, toy, demo_data, tmp_path, whole):
    run = make(toy, demo_data, tmp_path / "run")
    module, name, number = POINTS[point]
    original, calls = getattr(module, name), []

    def killed(*arguments, **options):
        calls.append(name)
        if len(calls) == number:
            raise Killed
        return original(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(Killed):
            run.train()
    make(toy, demo_data, tmp_path / "run").train()
    assert_same(tmp_path / "run", whole)


def test_killed_inside_the_first_row_of_history(toy, demo_data, tmp_path, whole):
    make(toy, demo_data, tmp_path / "run")
    (tmp_path / "run" / "history.jsonl").write_text('{"step": 1, "ela')
    make(toy, demo_data, tmp_path / "run").train()
    assert_same(tmp_path / "run", whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_says_how_to_go_on(
    number, status, toy, demo_data, tmp_path, whole, monkeypatch
):
    run, step = make(toy, demo_data, tmp_path / "run"), Monitor.step

    def signalled(self, done, *arguments):
        step(self, done, *arguments)
        if done == 3:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Monitor, "step", signalled)
        told = "Stopped at step 3, which is saved; the same command goes on from there."
        with pytest.raises(Stopped, match=told) as stopped:
            run.train()
    assert stopped.value.exit_status == status
    assert checkpoints.list_checkpoints(tmp_path / "run")[-1].name == "step-00000003"
    make(toy, demo_data, tmp_path / "run").train()
    assert_same(tmp_path / "run", whole)


@pytest.fixture
def small_files():
    """Sets the largest size of a file, as a full disk does, and takes it back."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_error_and_loses_nothing(
    toy, demo_data, tmp_path, whole, monkeypatch, small_files
):
    run, step = make(toy, demo_data, tmp_path / "run"), Trainer._save

    def fill(self, number, *arguments):
        if number == 3:
            small_files(2_000)
        step(self, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_save", fill)
        with pytest.raises(
            OSError, match=r"`workdir` must be writable for the checkpoint of step 3"
        ):
            run.train()
    small_files(resource.RLIM_INFINITY)
    assert checkpoints.list_checkpoints(tmp_path / "run")[-1].name == "step-00000002"
    make(toy, demo_data, tmp_path / "run").train()
    assert_same(tmp_path / "run", whole)


def test_a_full_disk_under_tensorboard_is_an_oserror(tmp_path, small_files):
    monitor = Monitor(tmp_path, "x", 0, 10, 1)
    small_files(500)
    with pytest.raises(OSError, match="TensorBoard's log cannot be written"):
        for step in range(100):
            monitor.scalars(step, {"a": 1.0})


def test_a_full_disk_under_the_history_names_the_folder(tmp_path, small_files):
    small_files(10)
    with pytest.raises(
        OSError, match=r"`workdir` must be writable for the row of step 7.*too large"
    ):
        validator.append_row(tmp_path, 7, 1.0, {"CIDEr": 0.1})


def test_a_folder_that_cannot_be_made_is_named(toy, demo_data):
    with pytest.raises(OSError, match=r"`workdir` must be a folder that can be written.*/proc/run"):
        make(toy, demo_data, "/proc/run")


PROGRAM = """
import os, signal, sys
from semreg_tf.training import checkpoints
name, number = sys.argv.pop(1), int(sys.argv.pop(1))
original, calls = getattr(checkpoints, name), []
def killed(*arguments):
    calls.append(name)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(checkpoints, name, killed)
from train import stage_binary
stage_binary.run("relational")
"""


@pytest.mark.large
def test_kill_9_inside_checkpoint_writes(demo_data, tmp_path):
    """The binary kills itself inside a write, each time at another point of another save."""
    flags = [
        *("--experiment=demo_tags/s_cnn_rnn", f"--data_dir={demo_data}"),
        *("--config.relational.steps=12", "--config.relational.checkpoint_every_steps=1"),
        *("--config.relational.validate_every_steps=4", "--config.decoder.cells=16"),
        "--config.relational.validation_images=4",
    ]

    def start(path, name, number):
        command = [sys.executable, "-c", PROGRAM, name, str(number), *flags, f"--workdir={path}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert start(tmp_path / "whole", "_sync", -1).returncode == 0
    for name, number in (("_sync", 3), ("mark_best", 1), ("_sync_folder", 4), ("prune", 2)):
        assert start(tmp_path / "run", name, number).returncode == -signal.SIGKILL
    assert start(tmp_path / "run", "_sync", -1).returncode == 0
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_two_trainers_of_one_folder_are_refused(toy, demo_data, tmp_path):
    run = make(toy, demo_data, tmp_path / "run")
    with workdir.training_lock(tmp_path / "run"):
        for start in (run.train, lambda: make(toy, demo_data, tmp_path / "run")):
            with pytest.raises(ValueError, match=r"`workdir` must not be in use .*process \d+ on "):
                start()


def test_a_damaged_checkpoint_is_told_and_the_end_is_the_same(
    toy, demo_data, tmp_path, whole, caplog
):
    path = shutil.copytree(whole, tmp_path / "run")
    tensors = path / "checkpoints" / "step-00000004" / "tensors.data-00000-of-00001"
    tensors.write_bytes(tensors.read_bytes()[:-1000])
    make(toy, demo_data, path).train()
    (told,) = [m for m in caplog.messages if "Going on from step-00000003" in m]
    assert "damaged-step-00000004" in told
    shutil.rmtree(path / "checkpoints" / "damaged-step-00000004")
    assert_same(path, whole)


def test_a_damaged_record_ends_training_in_one_line(toy, demo_data, tmp_path):
    folder = shutil.copytree(demo_data, tmp_path / "data")
    (shard,) = folder.glob("demo/*/demo-train.tfrecord*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    config = toy(experiments.get("demo_tags/s_cnn_rnn"), steps=8)
    with pytest.raises(DamagedRecordError, match=r"^`.*demo-train.* is damaged.*row \d+ of train$"):
        Trainer(config, "unary", folder, tmp_path / "run").train()
