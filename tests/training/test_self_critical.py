"""Self-critical training: the reward, the baseline, the samples, and a run of a few steps."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from pycocoevalcap.cider.cider import Cider

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import load_split
from semreg_tf.data.records import find_builder
from semreg_tf.models.annotator import Annotator
from semreg_tf.stopping import Stopped
from semreg_tf.training import workdir
from semreg_tf.training.phases import REWARD, find_stage
from semreg_tf.training.self_critical import (
    CaptionRewards,
    SelfCritical,
    advantages,
    sampled_captions,
)
from semreg_tf.training.train_step import mean_length
from semreg_tf.training.trainer import Trainer
from tests.training.test_interruptions import assert_same_weights

WORDS, START, END = 5, 5, 4
SEED = tf.constant([3, 7])


@pytest.fixture(scope="module")
def train_split(demo_data, caption_runs):
    config, vocabularies, _ = workdir.load_run(caption_runs[0])
    builder = find_builder(demo_data, config.data.dataset)
    return load_split(builder, config.data.train_split, vocabularies, config.data)


def test_rewards_are_cider_of_the_official_scorer(train_split):
    encoded, end = train_split.encoded, train_split.vocabularies.output.end_id
    captions = np.split(encoded.tokens, encoded.token_splits[1:-1])
    bounds = encoded.sequence_splits
    rng = np.random.default_rng(0)
    first = [captions[row].tolist() for row in bounds[:-1]]
    # A caption of the image, one of another image, and random words without END.
    other = [*first[1:], first[0]]
    noise = rng.integers(0, end, (len(first), 6)).tolist()
    time = 1 + max(len(x) for x in first)
    ids = np.full((len(first), 3, time), end, np.int32)
    mask = np.zeros(ids.shape, bool)
    for sample, sentences in enumerate(([*x, end] for x in y) for y in (first, other)):
        for row, words in enumerate(sentences):
            ids[row, sample, : len(words)], mask[row, sample, : len(words)] = words, True
    ids[:, 2, :6], mask[:, 2, :6] = noise, True
    names = np.array([str(name).encode() for name in encoded.image_ids])
    rewards = CaptionRewards(train_split)(ids, mask, names)

    def text(words):
        return " ".join(map(str, words))

    references = {
        row: [text([*captions[i].tolist(), end]) for i in range(bounds[row], bounds[row + 1])]
        for row in range(len(first))
    }
    unknown = train_split.vocabularies.output.unknown_id
    for sample in range(3):
        words = np.where(ids[:, sample] == unknown, -1, ids[:, sample])
        said = {r: [text(words[r][mask[r, sample]])] for r in references}
        _, expected = Cider().compute_score(references, said)
        np.testing.assert_allclose(rewards[:, sample], expected, rtol=1e-5, atol=1e-6)
    assert rewards[:, 0].mean() > rewards[:, 1].mean() > rewards[:, 2].mean()


def test_no_word_matches_unk_and_pictures_without_captions_are_no_documents():
    unknown, end = 3, 4
    captions = [[0, 1, 2], [0, 3], [1, 2, 0], [0, 2, 1, 1]]
    # The second of four images has no caption.
    bounds, rows = [0, 2, 2, 3, 4], [0, 2, 3]
    split = SimpleNamespace(
        encoded=SimpleNamespace(
            tokens=np.concatenate(captions),
            token_splits=np.cumsum([0, *map(len, captions)]),
            sequence_splits=np.array(bounds),
            image_ids=np.array(["a", "none", "b", "c"]),
        ),
        annotated_rows=np.array(rows),
        vocabularies=SimpleNamespace(output=SimpleNamespace(end_id=end, unknown_id=unknown)),
    )
    said = [[0, 3, end], [1, 2, 0, end], [0, 0, 0, end]]
    ids = np.full((3, 1, 4), end, np.int32)
    mask = np.zeros(ids.shape, bool)
    for row, words in enumerate(said):
        ids[row, 0, : len(words)], mask[row, 0, : len(words)] = words, True
    rewards = CaptionRewards(split)(ids, mask, np.array([b"a", b"b", b"c"]))

    def text(words, unk):
        return " ".join(str(unk if w == unknown else w) for w in words)

    references = {
        i: [text([*c, end], "unk") for c in captions[bounds[row] : bounds[row + 1]]]
        for i, row in enumerate(rows)
    }
    _, expected = Cider().compute_score(
        references, {i: [text(words, "none")] for i, words in enumerate(said)}
    )
    np.testing.assert_allclose(rewards[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_the_baseline_of_a_caption_is_the_mean_of_the_others():
    rewards = np.random.default_rng(0).random((4, 5)).astype("f")
    expected = [
        [row[i] - np.delete(row, i).mean() for i in range(5)] for row in rewards.astype(float)
    ]
    np.testing.assert_allclose(advantages(tf.constant(rewards)), expected, atol=1e-6)


def test_samples_follow_the_model_and_end_once():
    logits = np.random.default_rng(0).normal(size=(WORDS + 1, WORDS)).astype("f")
    rows, steps = 4_000, 4

    def step(last, state, context):
        return tf.gather(tf.constant(logits), last), state

    start = tf.zeros((rows, 1)), ()
    ids, mask = sampled_captions(step, start, SEED, start_id=START, end_id=END, max_steps=steps)
    ids, mask = ids.numpy(), mask.numpy()
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(
        np.bincount(ids[:, 0], minlength=WORDS) / rows, shares[START], atol=0.03
    )
    after_two = ids[mask[:, 1] & (ids[:, 0] == 2), 1]
    np.testing.assert_allclose(
        np.bincount(after_two, minlength=WORDS) / len(after_two), shares[2], atol=0.06
    )
    for words, real in zip(ids, mask, strict=True):
        length = real.sum()
        assert real[:length].all() and END not in words[: length - 1]
        assert length == steps or words[length - 1] == END
        assert (words[length:] == END).all()
    # The same seed draws the same.
    again, _ = sampled_captions(step, start, SEED, start_id=START, end_id=END, max_steps=steps)
    np.testing.assert_array_equal(again, ids)


class _Rewards:
    """The share of one word among a caption's, in place of CIDEr."""

    def __call__(self, ids, mask, image_ids):
        return ((ids == 0) & mask).sum(-1).astype("f")


def test_the_gradient_raises_what_is_rewarded(caption_runs):
    """The mean gradient over seeds is that of the expected reward, by differences."""
    _, vocabularies, annotator = workdir.load_annotator(caption_runs[0])
    concepts = tf.random.stateless_uniform((2, len(vocabularies.concepts)), SEED)
    outputs = {"concept_probabilities": tf.repeat(concepts, 200, axis=0)}
    images = tf.fill([400], b"any")
    loss = SelfCritical(samples=4, max_steps=3, rewards=_Rewards())
    bias = next(
        v for v in annotator.decoder.trainable_variables if v.shape == (annotator.vocab_size,)
    )

    def expected_reward():
        step_fn, *start = annotator.search_start(outputs)
        values = [
            sampled_captions(
                step_fn,
                start,
                tf.constant([seed, 1]),
                start_id=annotator.vocab_size,
                end_id=annotator.vocab_size - 1,
                max_steps=3,
            )
            for seed in range(10)
        ]
        return np.mean([_Rewards()(ids.numpy(), mask.numpy(), None).mean() for ids, mask in values])

    gradients = []
    for seed in range(10):
        with tf.GradientTape() as tape:
            tape.watch(bias.value)
            of_images, scalars = loss(annotator, outputs, images, tf.constant([seed, 0]))
            value = tf.reduce_mean(of_images)
        gradients.append(tape.gradient(value, bias.value).numpy())
    gradient = np.mean(gradients, 0)
    assert np.isfinite(scalars["reward"]) and scalars["num_words"] > 0
    # Only the rewarded word's bias rises by a descent, and by as much as the reward's slope.
    assert gradient.argmin() == 0
    before, step = bias.numpy(), np.zeros(annotator.vocab_size, "f")
    step[0] = 0.3
    rewards = []
    for sign in (1, -1):
        bias.assign(before + sign * step)
        rewards.append(expected_reward())
    bias.assign(before)
    slope = (rewards[0] - rewards[1]) / 0.6
    np.testing.assert_allclose(-gradient[0], slope, rtol=0.15)


def test_the_decoder_reads_what_it_is_given_afterwards(toy):
    """Features without dropout, and no more words than are decoded."""
    config = toy(experiments.get("demo_captions/nic_f"))
    encoder = dataclasses.replace(config.encoder, trainable=False, feature_dropout=0.9)
    joint = dataclasses.replace(config.joint, reward_steps=3, clip_norm=5.0, clip_scale="word")
    config = dataclasses.replace(config, encoder=encoder, joint=joint)
    annotator = Annotator(config, 12, 13)
    (phase,) = (p for p in find_stage(config, "joint").phases if p.name == REWARD)
    assert phase.loss.reward.max_steps == config.decoding.max_steps
    features = np.random.default_rng(1).normal(size=(4, annotator.feature_size)).astype("f")
    given = {batch.FEATURES: tf.constant(features)}
    np.testing.assert_array_equal(
        phase.loss._outputs(annotator, given)["features"], annotator.encode(given)["features"]
    )


def test_the_scale_of_clipping_is_the_length_of_the_samples(caption_runs):
    _, vocabularies, annotator = workdir.load_annotator(caption_runs[0])
    outputs = {"concept_probabilities": tf.zeros((3, len(vocabularies.concepts)))}
    loss = SelfCritical(samples=4, max_steps=3, rewards=_Rewards())
    _, scalars = loss(annotator, outputs, tf.fill([3], b"any"), SEED)
    assert mean_length(scalars) == scalars["num_words"] / 12
    assert (
        mean_length({"relational_loss": tf.constant(6.0), "loss_per_word": tf.constant(2.0)}) == 3
    )


def _with_rewards(steps):
    config = experiments.get("demo_captions/s_cnn_rnn")
    joint = dataclasses.replace(config.joint, steps=2, reward_steps=steps, reward_samples=2)
    return dataclasses.replace(config, joint=joint)


def test_rewards_train_the_decoder_alone(caption_runs, demo_data, tmp_path, toy):
    config = toy(_with_rewards(3))
    trained = {}
    for steps in (0, 3):
        joint = dataclasses.replace(config.joint, reward_steps=steps)
        trainer = Trainer(
            dataclasses.replace(config, joint=joint), "joint", demo_data, tmp_path / str(steps)
        )
        results = trainer.train()
        trained[steps] = {k: v.numpy() for k, v in trainer.annotator.all_variables().items()}
    assert [phase["name"] for phase in results["phases"]] == ["joint", REWARD]
    changed = {k.split("/")[0] for k, v in trained[3].items() if (v != trained[0][k]).any()}
    assert changed == {"decoder"}
    rows = (tmp_path / "3" / "history.jsonl").read_text().splitlines()
    assert len(rows) == 2


@pytest.mark.large
def test_stopped_among_rewards_a_run_ends_in_the_same_weights(
    demo_data, tmp_path, toy, monkeypatch
):
    config = toy(_with_rewards(3))

    def made(folder):
        return Trainer(config, "joint", demo_data, tmp_path / folder)

    made("whole").train()
    run = made("parts")
    take = run._take_step

    def stop_after_four(phase_run, step):
        logs = take(phase_run, step)
        run._stopping = step + 1 == 4
        return logs

    monkeypatch.setattr(run, "_take_step", stop_after_four)
    with pytest.raises(Stopped, match="Stopped at step 4"):
        run.train()
    assert made("parts").train()["steps"] == 5
    assert_same_weights(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("demo_tags/s_cnn_rnn", {}),
        ("demo_both/s_cnn_rnn", {}),
        ("demo_captions/s_cnn_rnn", {"jit_compile": True}),
    ],
)
def test_rewards_are_for_captions_in_plain_graphs(name, fields):
    config = experiments.get(name)
    joint = dataclasses.replace(config.joint, reward_steps=3)
    with pytest.raises(ValueError, match=r"`joint\.reward_steps` may be above 0 only for captions"):
        dataclasses.replace(config, joint=joint, **fields)


def test_no_experiment_of_the_papers_has_rewards():
    for name in ("coco_captions/s_cnn_rnn", "flickr8k_captions/s_cnn_rnn"):
        names = [phase.name for phase in find_stage(experiments.get(name), "joint").phases]
        assert REWARD not in names
