"""The moving average of the weights against NumPy, alone and in a stage of training."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phase_run import PhaseRun
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import build_train_step
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.validator import Validator
from semreg_tf.training.weight_average import WeightAverage, build_average
from tests.training.test_interruptions import Killed, assert_same


def mean_of(weights, decay):
    """The mean of w_1 ... w_n with weights d^(n - i)."""
    shares = decay ** np.arange(len(weights) - 1, -1, -1, dtype=np.float64)
    return np.tensordot(shares / shares.sum(), np.asarray(weights, np.float64), 1)


@pytest.mark.parametrize("decay", [0.5, 0.99999])
def test_it_is_the_weighted_mean_of_the_weights_after_each_update(decay):
    first = np.random.default_rng(0).normal(size=(2, 3)).astype("f")
    variable = keras.Variable(first)
    average = WeightAverage({"head/000/kernel": variable}, decay)

    @tf.function
    def step(change):
        variable.value.assign_add(change)
        average.update()

    weights = []
    for change in np.random.default_rng(1).normal(size=(6, 2, 3)).astype("f"):
        step(tf.constant(change))
        weights.append(np.array(variable))
        with pytest.raises(KeyError), average.in_use():
            np.testing.assert_allclose(np.array(variable), mean_of(weights, decay), 1e-5, 1e-6)
            raise KeyError
        np.testing.assert_array_equal(np.array(variable), weights[-1])


def test_a_step_of_training_changes_the_average_of_what_the_phase_trains(toy):
    config = toy(experiments.get("demo_tags/cnn_logistic"))
    fields = {"average_decay": 0.7, "learning_rate": 1e-2}
    config = dataclasses.replace(config, unary=dataclasses.replace(config.unary, **fields))
    config = dataclasses.replace(
        config, encoder=dataclasses.replace(config.encoder, trainable=False)
    )
    annotator = Annotator(config, num_concepts=5, vocab_size=6, feature_size=4)
    phase = find_stage(config, "unary").phases[-1]
    groups = build_groups(annotator, phase)
    average = build_average(annotator, phase, groups)
    step = build_train_step(annotator, phase, groups, average=average)
    rng = np.random.default_rng(0)
    tensors = {
        batch.FEATURES: tf.constant(rng.normal(size=(8, 4)), tf.float32),
        batch.CONCEPTS: tf.constant(rng.random((8, 5)) < 0.5, tf.float32),
    }
    kernel = annotator.variables("image_head")[0]
    weights = []
    for number in range(3):
        step(tensors, tf.constant([0, number]))
        weights.append(np.array(kernel))
    with average.in_use():
        np.testing.assert_allclose(np.array(kernel), mean_of(weights, 0.7), 1e-5, 1e-6)
    assert np.abs(weights[0] - weights[2]).max() > 1e-3


@pytest.mark.large
def test_a_stage_trains_the_raw_weights_and_validates_and_stores_their_average(
    toy, demo_data, tmp_path, monkeypatch
):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=4)
    fields = {"validate_every_steps": 2, "average_decay": 0.6}
    section = dataclasses.replace(config.relational, **fields)
    config = dataclasses.replace(config, relational=section)
    trainer = Trainer(config, "relational", demo_data, tmp_path)
    weights, validated, take_step = [], [], PhaseRun.take_step

    def now():
        return [np.array(v) for v in trainer.annotator.variables("decoder")]

    def step(run, number):
        result = take_step(run, number)
        weights.append(now())
        return result

    def validate(validator, phase, *_):
        validated.append(now())
        return phase.metric_name, float(len(validated))

    monkeypatch.setattr(PhaseRun, "take_step", step)
    monkeypatch.setattr(Validator, "validate", validate)
    trainer.train()
    names = {id(v): name for name, v in trainer.annotator.all_variables().items()}
    # What every reader of the run gets.
    best = checkpoints.best_or_last(tmp_path)
    assert best.name == "step-00000004"
    stored = tf.train.load_checkpoint(str(best / "tensors"))
    for i, variable in enumerate(trainer.annotator.variables("decoder")):
        name, raw = names[id(variable)], [states[i] for states in weights]
        for number, found in zip((2, 4), validated, strict=True):
            np.testing.assert_allclose(found[i], mean_of(raw[:number], 0.6), 1e-4, 1e-6)
        np.testing.assert_array_equal(stored.get_tensor(name), validated[-1][i])
        np.testing.assert_array_equal(stored.get_tensor(f"raw/{name}"), raw[-1])
        np.testing.assert_array_equal(np.array(variable), raw[-1])


def test_what_a_later_phase_does_not_train_keeps_its_average(toy, demo_data, tmp_path):
    """Straight through, stopped between the phases, and stopped inside the second."""
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=3)
    fields = {"average_decay": 0.9, "learning_rate": 0.01, "checkpoint_every_steps": 1}
    fields |= {"reward_steps": 2, "reward_samples": 2, "reward_rate": 0.5}
    config = dataclasses.replace(config, joint=dataclasses.replace(config.joint, **fields))

    def run(folder, stop=None):
        save = checkpoints.save

        def save_and_stop(path, step, *arguments):
            saved = save(path, step, *arguments)
            if step == stop:
                raise Killed
            return saved

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoints, "save", save_and_stop)
            with contextlib.nullcontext() if stop is None else pytest.raises(Killed):
                Trainer(config, "joint", demo_data, tmp_path / folder).train()
        last = checkpoints.list_checkpoints(tmp_path / folder)[-1]
        reader = tf.train.load_checkpoint(str(last / "tensors"))
        return {name: reader.get_tensor(name) for name in checkpoints.stored_names(last)}

    joint, whole = run("run", stop=3), run("whole")
    kept = [name for name in joint if name.startswith(("encoder/", "head/"))]
    averaged = [name for name in kept if f"raw/{name}" in joint]
    assert {name.split("/")[0] for name in averaged} == {"encoder", "head"}
    assert not any(np.array_equal(joint[name], joint[f"raw/{name}"]) for name in averaged)
    for name in kept:
        np.testing.assert_array_equal(whole[name], joint[name], err_msg=name)
        assert f"raw/{name}" not in whole
    run("run", stop=4)
    run("run")
    assert_same(tmp_path / "run", tmp_path / "whole")
