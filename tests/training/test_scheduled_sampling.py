"""Scheduled sampling: schedules, coins, draws, and what a gradient does not pass."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import SamplingConfig
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.stopping import Stopped
from semreg_tf.training.phases import find_stage
from semreg_tf.training.scheduled_sampling import mixed_inputs, share_of_true_words, with_decay
from semreg_tf.training.trainer import Trainer
from tests.training.test_interruptions import assert_same_weights

WORDS, START = 5, 5
SEED = tf.constant([3, 7])


def table(seed=0):
    """Logits of the next word by the last one: START's row is the last."""
    return np.random.default_rng(seed).normal(scale=1.5, size=(WORDS + 1, WORDS)).astype("f")


def bigrams(logits):
    return lambda last, state, context: (tf.gather(tf.constant(logits), last), state)


def sequences(rows, time):
    ids = np.random.default_rng(1).integers(0, WORDS, (rows, time))
    ids[:, 0] = START
    return ids


def mixed(ids, share, seed=SEED, draw="sample", logits=None):
    step = bigrams(table() if logits is None else logits)
    made = mixed_inputs(step, ((), ()), tf.constant(ids, tf.int32), tf.constant(share), seed, draw)
    return made[0].numpy(), made[1].numpy()


@pytest.mark.parametrize(
    ("schedule", "decay", "formula"),
    [
        ("linear", 2e-3, lambda i: np.maximum(0.2, 0.9 - 2e-3 * i)),
        ("exponential", 0.999, lambda i: 0.999**i),
        ("inverse_sigmoid", 60.0, lambda i: 60 / (60 + np.exp(i / 60))),
    ],
)
def test_schedules_are_bengio_et_als(schedule, decay, formula):
    config = SamplingConfig(schedule, decay=decay, offset=0.9, minimum=0.2)
    steps = np.arange(0, 2_000, 37)
    made = [float(share_of_true_words(config, tf.constant(i))) for i in steps]
    np.testing.assert_allclose(made, formula(steps.astype(float)), rtol=1e-4)
    assert np.all(np.diff(made) <= 0)


def test_the_inverse_sigmoid_is_half_way_at_k_log_k_and_leaves_no_float():
    config = SamplingConfig("inverse_sigmoid", decay=46_500.0)
    half = round(46_500 * np.log(46_500))
    assert half == pytest.approx(500_000, rel=1e-3)
    assert float(share_of_true_words(config, half)) == pytest.approx(0.5, abs=1e-5)
    # exp(i / k) would be infinite in float32.
    small = SamplingConfig("inverse_sigmoid", decay=1.0)
    assert float(share_of_true_words(small, 10**6)) == 0.0


@pytest.mark.parametrize("schedule", ["linear", "exponential", "inverse_sigmoid"])
@pytest.mark.parametrize(("steps", "last"), [(900, 0.75), (1_000_000, 0.75), (500, 0.3)])
def test_an_open_decay_ends_at_the_last_share(schedule, steps, last):
    config = with_decay(SamplingConfig(schedule, last_share=last), steps)
    shares = [float(share_of_true_words(config, i)) for i in (0, steps // 2, steps)]
    assert shares[2] == pytest.approx(last, rel=1e-3)
    assert 0.98 < shares[0] <= 1.0 and shares[0] > shares[1] > shares[2]
    given = dataclasses.replace(config, decay=2.0 if schedule != "exponential" else 0.5)
    assert with_decay(given, steps) == given
    assert with_decay(SamplingConfig(), steps) is None


@pytest.mark.parametrize(
    ("schedule", "decay"), [("exponential", 1.0), ("exponential", 0.0), ("inverse_sigmoid", 0.9)]
)
def test_a_decay_by_which_nothing_falls_is_refused(schedule, decay):
    message = rf"`decay` of scheduled sampling must be .* Received: decay={decay}, schedule="
    with pytest.raises(ValueError, match=message):
        SamplingConfig(schedule, decay=decay)


@pytest.mark.parametrize("share", [0.2, 0.75])
def test_each_word_has_a_coin_of_its_own_and_start_is_true(share):
    ids = sequences(3_000, 9)
    fed, is_true = mixed(ids, share)
    assert is_true[:, 0].all() and (fed[:, 0] == START).all()
    np.testing.assert_array_equal(fed[is_true], ids[is_true])
    np.testing.assert_allclose(is_true[:, 1:].mean(axis=0), share, atol=0.03)
    # One coin a sequence would give a variance eight times as large.
    variance = is_true[:, 1:].sum(axis=1).var()
    assert variance == pytest.approx(8 * share * (1 - share), rel=0.1)


def test_words_are_drawn_from_the_softmax_of_what_was_fed_before():
    fed, is_true = mixed(sequences(20_000, 4), 0.5)
    probabilities = np.exp(table()) / np.exp(table()).sum(axis=1, keepdims=True)
    for last in range(WORDS + 1):
        drawn = fed[:, 1:][(fed[:, :-1] == last) & ~is_true[:, 1:]]
        shares = np.bincount(drawn, minlength=WORDS) / len(drawn)
        np.testing.assert_allclose(shares, probabilities[last], atol=0.03)


def test_argmax_takes_the_likeliest_word_of_what_was_fed_before():
    fed, is_true = mixed(sequences(50, 6), 0.4, draw="argmax")
    np.testing.assert_array_equal(
        fed[:, 1:][~is_true[:, 1:]], table().argmax(axis=1)[fed[:, :-1]][~is_true[:, 1:]]
    )


def test_a_word_of_no_probability_is_never_drawn_and_the_ends_of_the_table_can_be():
    logits = np.full((WORDS + 1, WORDS), -np.inf, "f")
    logits[:, [0, WORDS - 1]] = 0.0
    fed, _ = mixed(sequences(500, 5), 0.0, logits=logits)
    assert set(np.unique(fed[:, 1:])) == {0, WORDS - 1}


def test_the_same_seed_and_step_give_the_same_words_and_others_others():
    ids = sequences(40, 7)
    first, again, other = (mixed(ids, 0.5, tf.constant(s))[0] for s in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


SAMPLED = ("demo_captions/nicv2", "demo_captions/soft_attention")


def captioner(toy, name, **sampling):
    """A toy captioner whose dropout is off, and a batch of two captions an image."""
    config = toy(experiments.get(name))
    decoder = dataclasses.replace(config.decoder, input_dropout=0.0, output_dropout=0.0)
    sampling = SamplingConfig(**sampling) if sampling else SamplingConfig()
    config = dataclasses.replace(config, decoder=decoder, sampling=sampling)
    annotator = Annotator(config, 12, 13)
    rng = np.random.default_rng(0)
    for variable in annotator.decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    ids = rng.integers(0, 13, (4, 2, 6))
    ids[..., 0] = 13
    mask = np.arange(6) < rng.integers(3, 7, (4, 2, 1))
    tensors = {
        batch.IMAGE: tf.constant(rng.normal(size=(4, 32, 32, 3)), tf.float32),
        batch.CONCEPTS: tf.constant(rng.random((4, 12)) < 0.3, tf.float32),
        batch.INPUT_IDS: tf.constant(ids, tf.int32),
        batch.TARGET_IDS: tf.constant(np.roll(ids, -1, axis=2) % 13, tf.int32),
        batch.PADDING_MASK: tf.constant(mask),
    }
    return annotator, find_stage(config, "joint").phases[-1], tensors


def loss_and_gradients(annotator, loss, tensors, step=0):
    variables = [v.value for v in annotator.decoder.trainable_variables]
    with tf.GradientTape() as tape:
        made = loss(annotator, tensors, SEED, step=step)
    return made, [tf.convert_to_tensor(g) for g in tape.gradient(made["loss"], variables)]


@pytest.mark.parametrize("name", SAMPLED)
def test_the_loss_is_teacher_forcing_on_the_mixed_words_and_no_gradient_passes_a_draw(toy, name):
    annotator, phase, tensors = captioner(toy, name, schedule="linear", decay=0.1)
    made, gradients = loss_and_gradients(annotator, phase.loss, tensors, step=5)
    # What was fed, by the decoder's own step on each caption alone.
    outputs = annotator.encode(tensors, training=True)
    step_fn, state, context = annotator.search_start(outputs)
    repeated = tf.nest.map_structure(lambda x: tf.repeat(x, 2, axis=0), (state, context))
    flat = tf.reshape(tensors[batch.INPUT_IDS], (8, 6))
    fed, is_true = mixed_inputs(step_fn, repeated, flat, tf.constant(0.5), SEED)
    assert 0.2 < is_true[:, 1:].numpy().mean() < 0.8 and (fed != flat).numpy().any()
    forced = tensors | {batch.INPUT_IDS: tf.reshape(fed, (4, 2, 6))}
    plain = dataclasses.replace(phase.loss, sampling=None)
    want, expected = loss_and_gradients(annotator, plain, forced)
    np.testing.assert_allclose(made["loss"], want["loss"], rtol=1e-5)
    for got, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, other, rtol=1e-4, atol=1e-5)
    real = tensors[batch.PADDING_MASK].numpy()[..., 1:]
    share = is_true.numpy().reshape(4, 2, 6)[..., 1:][real].mean()
    assert float(made["true_word_share"]) == pytest.approx(share)


def test_at_a_share_of_one_nothing_is_sampled(toy):
    annotator, phase, tensors = captioner(toy, SAMPLED[0], schedule="linear", decay=0.1)
    made, _ = loss_and_gradients(annotator, phase.loss, tensors, step=0)
    plain = dataclasses.replace(phase.loss, sampling=None)
    want, _ = loss_and_gradients(annotator, plain, tensors)
    assert float(made["true_word_share"]) == 1.0
    np.testing.assert_allclose(made["loss"], want["loss"], rtol=1e-6)
    assert "true_word_share" not in want


def make(toy, data_dir, path):
    config = toy(experiments.get("demo_captions/nicv2"), steps=3)
    sampling = SamplingConfig("linear", decay=0.1)
    joint = dataclasses.replace(config.joint, checkpoint_every_steps=1)
    config = dataclasses.replace(config, sampling=sampling, joint=joint)
    return Trainer(config, "joint", data_dir, path)


@pytest.mark.large
def test_a_stopped_run_ends_in_the_weights_of_a_whole_one(toy, demo_data, tmp_path, monkeypatch):
    """Stopped in the phase of the decoder alone, and again when the CNN trains."""
    make(toy, demo_data, tmp_path / "whole").train()
    steps = []
    for last in (2, 5, 6):
        run = make(toy, demo_data, tmp_path / "parts")
        take = run._take_step

        def stop_after(phase_run, step, run=run, take=take, last=last):
            steps.append(step)
            logs = take(phase_run, step)
            run._stopping = step + 1 == last < 6
            return logs

        monkeypatch.setattr(run, "_take_step", stop_after)
        if last < 6:
            with pytest.raises(Stopped, match=f"Stopped at step {last}"):
                run.train()
        else:
            run.train()
    assert steps == list(range(6))
    assert_same_weights(tmp_path / "parts", tmp_path / "whole")
