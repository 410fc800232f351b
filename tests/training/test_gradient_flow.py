"""The gradients' norms and cosine against the gradient of the sum of both losses."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import gradient_flow
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import Gradients

CONCEPTS, VOCAB, SEED = 5, 9, (3, 1)


def tensors_of(config):
    rng = np.random.default_rng(0)
    size = config.image.size
    ids = rng.integers(0, VOCAB, (4, 2, 6)).astype("int32")
    return {
        batch.IMAGE: tf.constant(rng.normal(size=(4, size, size, 3)).astype("f")),
        batch.CONCEPTS: tf.constant(rng.integers(0, 2, (4, CONCEPTS)).astype("f")),
        batch.INPUT_IDS: tf.constant(ids),
        batch.TARGET_IDS: tf.constant(np.roll(ids, -1, axis=2)),
        batch.PADDING_MASK: tf.constant(np.arange(6) < rng.integers(2, 7, (4, 2, 1))),
    }


def measured(config):
    annotator = Annotator(config, CONCEPTS, VOCAB)
    (phase,) = find_stage(config, "joint").phases
    gradients_of = gradient_flow.BothGradients(annotator, phase)
    found = gradients_of(tensors_of(config), tf.constant(SEED))
    return annotator, phase, {g: {k: float(v) for k, v in own.items()} for g, own in found.items()}


def test_the_halves_add_up_to_the_gradient_of_the_weighted_sum(toy):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    joint = dataclasses.replace(config.joint, unary_weight=0.5, relational_weight=2.0)
    decoder = dataclasses.replace(config.decoder, initializer_range=0.5)
    config = dataclasses.replace(config, joint=joint, decoder=decoder)
    annotator, phase, found = measured(config)
    read_by_both = tuple(g for g in phase.trained if g.name in ("encoder", "image_head"))
    groups = build_groups(annotator, dataclasses.replace(phase, trained=read_by_both))
    both = Gradients(annotator, phase, groups, packed=True, rows=False)
    gradients = iter(both(tensors_of(config), tf.constant(SEED), tf.ones(()))[1])
    for group in groups:
        whole = sum(np.sum(np.square(next(gradients))) for _ in group.variables)
        own = found[group.name]
        a, b = own["unary_norm"], own["relational_norm"]
        assert min(a, b) > 0
        np.testing.assert_allclose(a**2 + b**2 + 2 * a * b * own["cosine"], whole, rtol=1e-4)


def test_cut_at_the_concepts_nothing_of_lr_arrives(toy):
    _, _, found = measured(toy(experiments.get("demo_captions/s_cnn_rnn_detached")))
    for own in found.values():
        assert own["unary_norm"] > 0 and own["relational_norm"] == 0
        assert np.isnan(own["cosine"])


def test_means_leave_out_what_is_not_defined():
    rows = [{"cosine": float("nan"), "norm": 1.0}, {"cosine": 0.5, "norm": 3.0}]
    assert gradient_flow._means(rows) == {"cosine": 0.5, "norm": 2.0}
    assert gradient_flow._means(rows[:1]) == {"cosine": None, "norm": 1.0}


def test_a_run_is_measured_on_its_training_batches(caption_runs, demo_data):
    results = gradient_flow.measure_gradients(caption_runs[0], demo_data, num_batches=2)
    assert results["experiment"] == "demo_captions/s_cnn_rnn"
    assert set(results["groups"]) == {"encoder", "image_head"}
    for own in results["groups"].values():
        assert own["unary_norm"] > 0 and own["relational_norm"] > 0 and -1 <= own["cosine"] <= 1
    assert results == gradient_flow.measure_gradients(caption_runs[0], demo_data, num_batches=2)


def test_wrong_arguments_are_refused(caption_runs, demo_data, tmp_path):
    with pytest.raises(ValueError, match=r"`num_batches` must be .* Received: num_batches=0"):
        gradient_flow.measure_gradients(caption_runs[0], demo_data, 0)
    with pytest.raises(ValueError, match=r"`workdir` must be the folder of a run"):
        gradient_flow.measure_gradients(tmp_path, demo_data)
    config = (caption_runs[0] / "config.json").read_text().replace('"joint",\n', '"unary",\n', 1)
    for file in caption_runs[0].iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(config.replace('"stage": "joint"', '"stage": "unary"'))
    with pytest.raises(ValueError, match=r"`workdir` must be of a joint stage.*the unary stage"):
        gradient_flow.measure_gradients(tmp_path, demo_data)
