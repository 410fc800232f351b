"""Patience ends a phase and never the stage; stopped anywhere, the same command ends the same."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from semreg_tf import experiments
from semreg_tf.stopping import Stopped
from semreg_tf.training import checkpoints
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.study_records import stage_record
from semreg_tf.training.trainer import Trainer
from tests.training.test_interruptions import Killed, assert_same

NAMES = ["user tags alone", "prediction layer", "all layers"]


def make(toy, data_dir, path):
    """Three phases of 12 steps that hardly learn, so patience ends each at its third validation."""
    config = toy(experiments.get("demo_tags/s_cnn_rnn_tag1k"))
    unary = dataclasses.replace(
        config.unary,
        tag_only_steps=12,
        head_only_steps=12,
        steps=12,
        learning_rate=1e-7,
        validate_every_steps=3,
        patience=2,
        # Moving statistics alone would change what validation sees.
        update_batch_norm=False,
    )
    return Trainer(dataclasses.replace(config, unary=unary), "unary", data_dir, path)


@pytest.fixture(scope="module")
def whole(toy, demo_data, tmp_path_factory):
    """A run that nothing stopped: its folder, results, and the groups that it moved."""
    path = tmp_path_factory.mktemp("phases") / "run"
    trainer = make(toy, demo_data, path)
    groups = ("encoder", "image_head", "tag_model")
    before = {g: [np.array(v) for v in trainer.annotator.variables(g)] for g in groups}
    results = trainer.train()
    moved = [
        group
        for group, values in before.items()
        if any(
            not np.array_equal(value, np.array(variable))
            for value, variable in zip(values, trainer.annotator.variables(group), strict=True)
        )
    ]
    return path, results, moved


def test_every_phase_is_trained_and_the_steps_are_those_taken(whole):
    path, results, moved = whole
    assert moved == ["encoder", "image_head", "tag_model"]
    taken = [(phase["name"], phase["steps"], phase["ended"]) for phase in results["phases"]]
    assert taken == [(name, 9, "patience") for name in NAMES]
    assert results["steps"] == 27
    assert json.loads((path / "train_results.json").read_text()) == json.loads(json.dumps(results))
    record = stage_record(path)
    assert record["steps"] == 27
    assert record["phases"] == results["phases"]
    rows = record["history"]
    assert [row["step"] for row in rows] == list(range(3, 28, 3))
    assert [row["phase"] for row in rows] == [name for name in NAMES for _ in range(3)]
    assert all(0 <= row["O-F1"] <= 1 for row in rows)
    assert checkpoints.list_checkpoints(path)[-1].name == "step-00000027"


def stop_at(run, step, patch):
    """Sends SIGTERM in the step given: a checkpoint is written and the run exits."""
    take = Monitor.step

    def terminated(self, number, *arguments):
        take(self, number, *arguments)
        if number == step:
            os.kill(os.getpid(), signal.SIGTERM)

    patch.setattr(Monitor, "step", terminated)
    with pytest.raises(Stopped):
        run.train()


def kill_after_save(run, step, patch):
    """Kills right after the checkpoint of the step given, with nothing after it."""
    prune = checkpoints.prune

    def killed(path, *arguments):
        if checkpoints.list_checkpoints(path)[-1].name == f"step-{step:08d}":
            raise Killed
        prune(path, *arguments)

    patch.setattr(checkpoints, "prune", killed)
    with pytest.raises(Killed):
        run.train()


def as_written_before_phases(path):
    """Rewrites the last checkpoint's state as one from before phases were noted in it."""
    file = checkpoints.list_checkpoints(path)[-1] / "state.json"
    state = json.loads(file.read_text())
    (current,) = state.pop("phases")
    for key in ("quantity", "digests", "shape", "tensors_index_sha256", "sha256"):
        del state[key]
    file.write_text(json.dumps({**state, "without_rise": current["without_rise"]}))


def test_stopped_within_each_phase_and_at_its_early_end(toy, demo_data, tmp_path, whole):
    path = tmp_path / "run"
    for stop, step in (
        (stop_at, 4),
        (kill_after_save, 9),
        (stop_at, 10),
        (kill_after_save, 18),
        (stop_at, 23),
    ):
        with pytest.MonkeyPatch.context() as patch:
            stop(make(toy, demo_data, path), step, patch)
        assert checkpoints.list_checkpoints(path)[-1].name == f"step-{step:08d}"
        if step == 4:
            as_written_before_phases(path)
    results = make(toy, demo_data, path).train()
    assert_same(path, whole[0])
    assert results["phases"] == whole[1]["phases"]


def test_an_ended_run_is_not_trained_again(toy, demo_data, tmp_path, whole, monkeypatch):
    monkeypatch.setattr(Trainer, "_take_step", lambda *_: pytest.fail("a step was taken"))
    assert make(toy, demo_data, whole[0]).train() == whole[1]
