"""The scale halves on an overflow, whose update is skipped, and doubles after many good steps."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.training import checkpoints, trainer
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.trainer import NonFiniteLossError, Trainer


def test_it_halves_skips_counts_and_doubles():
    scale, moved = LossScale(8.0, growth_steps=3), keras.Variable(0.0)

    def move():
        moved.value.assign_add(1.0)

    @tf.function
    def step(finite):
        return scale.update(finite, move)

    seen = []
    for finite in (True, True, False, True, True, True, True):
        logs = step(tf.constant(finite))
        good = int(scale.variables()["loss_scale/good_steps"])
        seen.append((float(logs["loss_scale"]), float(logs["skipped"]), good, float(moved)))
    assert seen == [
        (8.0, 0.0, 1, 1.0),
        (8.0, 0.0, 2, 2.0),
        (8.0, 1.0, 0, 2.0),
        (4.0, 0.0, 1, 3.0),
        (4.0, 0.0, 2, 4.0),
        (4.0, 0.0, 0, 5.0),
        (8.0, 0.0, 1, 6.0),
    ]


def test_it_falls_no_lower_than_one():
    scale = LossScale(1.0)
    scale.update(tf.constant(False), lambda: None)
    assert float(scale.scale) == 1.0


def half(toy, **fields):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=6)
    section = dataclasses.replace(config.relational, checkpoint_every_steps=1, **fields)
    return dataclasses.replace(config, relational=section, precision="mixed_float16")


def test_overflows_are_no_blow_up_and_the_scale_is_resumed(toy, demo_data, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "LossScale", lambda: LossScale(2.0**40))
    run = Trainer(half(toy), "relational", demo_data, tmp_path / "run")
    first = [np.array(v) for v in run.annotator.decoder.trainable_variables]
    run.train()
    for before, after in zip(first, run.annotator.decoder.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, np.array(after))
    assert float(run.loss_scale.scale) == 2.0**34
    names = checkpoints.stored_names(checkpoints.list_checkpoints(tmp_path / "run")[-1])
    assert {"loss_scale/scale", "loss_scale/good_steps"} <= set(names)
    config = half(toy, steps=7)
    again = Trainer(config, "relational", demo_data, tmp_path / "run")
    again.train()
    assert float(again.loss_scale.scale) == 2.0**33


def test_gradients_that_no_scale_can_save_stop_the_run(toy, demo_data, tmp_path):
    config = half(toy, learning_rate=1e30, clip_norm=None)
    with pytest.raises(NonFiniteLossError, match=r"step \d+"):
        Trainer(config, "relational", demo_data, tmp_path / "run").train()
    for found in checkpoints.list_checkpoints(tmp_path / "run"):
        reader = tf.train.load_checkpoint(str(found / "tensors"))
        for name in checkpoints.stored_names(found):
            assert np.all(np.isfinite(reader.get_tensor(name))), name
