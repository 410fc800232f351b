"""Prediction layers that begin at the concepts' frequencies, against shares counted by hand."""

import dataclasses

import numpy as np
import pytest

from semreg_tf import experiments
from semreg_tf.training.initial_bias import log_odds
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions


def test_log_odds_are_the_logits_of_the_shares():
    made = log_odds(np.array([0, 2, 5, 10]), 10)
    shares = np.array([0.5, 2.5, 5.5, 10.5]) / 11
    np.testing.assert_allclose(1 / (1 + np.exp(-made)), shares, rtol=1e-5)
    assert np.isfinite(made).all()


def biases(trainer):
    return np.array(trainer.annotator.head.get_layer("image_logits").bias)


@pytest.mark.parametrize("stage", ["unary", "joint"])
def test_biases_begin_where_the_config_says(stage, toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    assert not biases(Trainer(config, stage, demo_data, tmp_path / "zeros")).any()
    concepts = dataclasses.replace(config.concepts, initial_bias="log_odds")
    config = dataclasses.replace(config, concepts=concepts)
    trainer = Trainer(config, stage, demo_data, tmp_path / "odds")
    split = trainer.data.train
    labels = [set(a.labels) for a in split.annotations]
    for name, bias in zip(trainer.vocabularies.concepts.names, biases(trainer), strict=True):
        count = sum(name in own for own in labels)
        expected = np.log((count + 0.5) / (split.num_images - count + 0.5))
        assert bias == pytest.approx(expected, rel=1e-5)
    concepts = dataclasses.replace(config.concepts, initial_bias="frequencies")
    config = dataclasses.replace(config, concepts=concepts)
    plain = Trainer(config, stage, demo_data, tmp_path / "frequencies")
    np.testing.assert_array_equal(biases(plain), biases(trainer))
    kernels = [
        np.array(t.annotator.head.get_layer("image_logits").kernel) for t in (plain, trainer)
    ]
    assert not kernels[0].any() and kernels[1].all()


def test_a_head_that_was_brought_keeps_its_biases(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    concepts = dataclasses.replace(config.concepts, initial_bias="log_odds")
    config = dataclasses.replace(config, concepts=concepts)
    for stage in ("unary", "relational"):
        earlier = Trainer(config, stage, demo_data, tmp_path / stage)
        earlier.train()
        if stage == "unary":
            learnt = biases(earlier)
    earlier = (tmp_path / "unary", tmp_path / "relational")
    joint = Trainer(
        config,
        "joint",
        demo_data,
        tmp_path / "joint",
        TrainerOptions(unary=earlier[0], relational=earlier[1]),
    )
    np.testing.assert_array_equal(biases(joint), learnt)
    other = Trainer(
        config, "unary", demo_data, tmp_path / "other", TrainerOptions(init_from=tmp_path / "unary")
    )
    np.testing.assert_array_equal(biases(other), learnt)
