"""Clipping by caption length: buckets, shares, and the norms that the training step logs."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.clipping_by_length import by_length, measure_clipping
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import build_train_step
from tests.training.test_train_step import CONCEPTS, VOCAB, make_batches, make_config


def test_buckets_hold_equally_many_batches_short_captions_first():
    rows = np.array([[20.0, 80.0], [5.0, 30.0], [10.0, 50.0], [5.0, 10.0]])
    short, long = by_length(rows, 40.0, 2)
    assert (short["mean_length"], long["mean_length"]) == (5.0, 15.0)
    assert (short["clipped"], long["clipped"]) == (0.0, 1.0)
    assert long["kept"] == pytest.approx((40 / 50 + 40 / 80) / 2)
    # 40 by the mean length of 10: four a word.
    assert (short["clipped_per_word"], long["clipped_per_word"]) == (0.5, 0.5)
    assert short["kept_per_word"] == pytest.approx((1 + 4 * 5 / 30) / 2)
    assert short["norm_per_word"] == pytest.approx((6 + 2) / 2)
    assert len(by_length(rows[:1], 1.0, 5)) == 1


def test_the_word_scale_clips_by_the_mean_length_of_the_batch(toy):
    """A step's gradient is as long as `clip_norm` times the words of a caption, or as it was."""
    config = make_config(toy)
    (tensors,) = make_batches(1)
    length = float(np.sum(tensors[batch.PADDING_MASK]) / tensors[batch.PADDING_MASK].shape[0])
    moved = {}
    for scale, threshold in (("word", 0.02), ("sum", 0.02 * length), ("sum", 0.02)):
        section = dataclasses.replace(
            config.relational,
            optimizer="sgd",
            learning_rate=1.0,
            clip_norm=threshold,
            clip_scale=scale,
        )
        annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=4)
        (phase,) = find_stage(dataclasses.replace(config, relational=section), "relational").phases
        step = build_train_step(annotator, phase, build_groups(annotator, phase))
        before = [np.array(v) for v in annotator.variables("decoder")]
        logs = step(tensors, tf.constant([0, 0]))
        assert float(logs["clipped"]) == 1.0
        after = [np.array(v) for v in annotator.variables("decoder")]
        squares = [np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True)]
        moved[scale, threshold] = np.sqrt(np.sum(squares))
    word, same, short = moved.values()
    assert word == pytest.approx(0.02 * length, rel=1e-3) == pytest.approx(same, rel=1e-3)
    assert short == pytest.approx(0.02, rel=1e-3)


def test_a_run_is_measured_on_its_training_batches(caption_runs, demo_data):
    results = measure_clipping(caption_runs[0], demo_data, num_batches=4, num_buckets=2)
    assert (results["experiment"], results["stage"]) == ("demo_captions/s_cnn_rnn", "joint")
    assert (results["clip_norm"], results["num_batches"]) == (50.0, 4)
    lengths = [bucket["mean_length"] for bucket in results["buckets"]]
    assert 2 < lengths[0] <= lengths[1] < 30
    assert all(bucket["mean_norm"] > 0 for bucket in results["buckets"])


def test_wrong_arguments_are_refused(caption_runs, demo_data, tmp_path):
    with pytest.raises(ValueError, match=r"`num_buckets` must be .* Received: num_buckets=0"):
        measure_clipping(caption_runs[0], demo_data, num_buckets=0)
    for file in caption_runs[0].iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    about = json.loads((tmp_path / "config.json").read_text())
    about["config"]["joint"]["clip_norm"] = None
    (tmp_path / "config.json").write_text(json.dumps(about))
    with pytest.raises(
        ValueError, match=r"decoder with a `clip_norm`.*joint stage, clip_norm=None"
    ):
        measure_clipping(tmp_path, demo_data)
