"""One short joint run, and everything that TensorBoard finds in its log."""

import dataclasses
import json

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from semreg_tf import experiments
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions


@pytest.fixture(scope="module")
def run(toy, demo_data, tmp_path_factory):
    """A trainer that took two steps, and its log folder."""
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    joint = dataclasses.replace(config.joint, clip_norm=1.0, validate_every_steps=1)
    path = tmp_path_factory.mktemp("summaries") / "run"
    trainer = Trainer(
        dataclasses.replace(config, joint=joint),
        "joint",
        demo_data,
        path,
        TrainerOptions(profile=(1, 2)),
    )
    trainer.train()
    return trainer, path / "logs"


@pytest.fixture(scope="module")
def log(run):
    accumulator = EventAccumulator(str(run[1]), {"tensors": 0}).Reload()
    return {tag: accumulator.Tensors(tag) for tag in accumulator.Tags()["tensors"]}


def test_scalars(log):
    assert {
        "loss",
        "unary_loss",
        "relational_loss",
        "gradient_norm",
        "encoder_gradient_norm",
        "clipped",
        "learning_rate/encoder",
        "learning_rate/decoder",
        "images_per_sec",
        "tokens_per_sec",
        "share_waiting_for_input",
        "validation/CIDEr",
    } <= log.keys()
    shares = [name for name in log if name.startswith("gates/") and name.endswith(("0.1", "0.9"))]
    assert len(shares) == 6
    for name in shares:
        assert all(0 <= float(tf.make_ndarray(e.tensor_proto)) <= 1 for e in log[name])


def test_histograms_of_the_gates(log):
    for name in ("gates/input", "gates/forget", "gates/output"):
        buckets = tf.make_ndarray(log[name][-1].tensor_proto)
        assert 0 <= buckets[:, 0].min() <= buckets[:, 1].max() <= 1
        assert buckets[:, 2].sum() % 16 == 0  # words times cells


def test_predictions_come_with_their_pictures(log, run):
    width, height, *pictures = tf.make_ndarray(log["predictions"][-1].tensor_proto)
    assert (int(width), int(height), len(pictures)) == (320, 312, 4)
    card = tf.io.decode_image(pictures[0]).numpy()
    assert len(set(card[:240].reshape(-1, 3).max(axis=1).tolist())) > 10  # a picture
    assert (card[240:] < 100).any()  # dark letters on white
    texts = tf.make_ndarray(log["predictions/text"][-1].tensor_proto).item().decode()
    assert texts.count("demo_") == 4


def test_the_projector_names_every_row(run):
    trainer, folder = run
    config = tf.io.gfile.GFile(str(folder / "projector_config.pbtxt")).read()
    assert 'tensor_path: "word_embedding.tsv"' in config
    words = (folder / "metadata.tsv").read_text().splitlines()
    rows = (folder / "word_embedding.tsv").read_text().splitlines()
    output = trainer.vocabularies.output
    assert len(words) == len(rows) == output.input_size
    assert words[: len(output.names)] == list(output.names)
    assert words[output.unknown_id :] == ["<unk>", "<end>", "<start>"]
    embedding = trainer.annotator.decoder.embedding
    assert [float(x) for x in rows[3].split("\t")] == pytest.approx(
        embedding[3].numpy().tolist(), rel=1e-3
    )


def test_the_profile_is_a_trace_of_its_steps(run):
    (trace,) = (run[1] / "plugins" / "profile").glob("*/*.xplane.pb")
    assert trace.stat().st_size > 10_000


def test_history_and_validation_agree(run, log):
    rows = [json.loads(x) for x in (run[1].parent / "history.jsonl").read_text().splitlines()]
    shown = [float(tf.make_ndarray(e.tensor_proto)) for e in log["validation/CIDEr"]]
    assert [row["CIDEr"] for row in rows] == pytest.approx(shown)


def test_steps_of_a_profile_must_rise(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    with pytest.raises(ValueError, match=r"`profile` must be two increasing steps.*\(5, 5\)"):
        Trainer(config, "unary", demo_data, tmp_path / "run", TrainerOptions(profile=(5, 5)))
