"""The trainer's step against the same model from Keras's own layers and optimiser."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.data.targets import multi_hot, shift
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import build_train_step, pad_time

CONCEPTS, VOCAB, CELLS, WORDS, BATCH = 12, 40, 16, 8, 8


def make_config(toy, precision="float32"):
    config = toy(experiments.get("coco_captions/s_cnn_rnn"))
    section = dataclasses.replace(config.relational, learning_rate=1e-3, clip_norm=2.0)
    decoder = dataclasses.replace(config.decoder, input_dropout=0.0, output_dropout=0.0)
    return dataclasses.replace(config, decoder=decoder, relational=section, precision=precision)


def make_batches(number):
    rng = np.random.default_rng(0)
    for _ in range(number):
        words = [rng.integers(0, VOCAB - 2, rng.integers(3, 9)) for _ in range(BATCH)]
        inputs, targets, mask = shift(words, VOCAB, VOCAB - 1)
        splits = np.arange(0, 3 * BATCH + 1, 3)
        concepts = multi_hot(rng.integers(0, CONCEPTS, splits[-1]), splits, CONCEPTS)
        yield {
            batch.CONCEPTS: tf.constant(concepts),
            batch.INPUT_IDS: tf.constant(inputs[:, None]),
            batch.TARGET_IDS: tf.constant(targets[:, None]),
            batch.PADDING_MASK: tf.constant(mask[:, None]),
        }


def our_losses(config, number, batches=None):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(config.precision)
    annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=4)
    keras.config.set_dtype_policy("float32")
    first = [np.array(v) for v in annotator.decoder.trainable_variables]
    (phase,) = find_stage(config, "relational").phases
    groups = build_groups(annotator, phase)
    scale = LossScale(2.0**10) if config.precision == "mixed_float16" else None
    step = build_train_step(annotator, phase, groups, config.jit_compile, loss_scale=scale)
    batches = batches or make_batches(number)
    losses = [float(step(b, tf.constant([0, 0]))["loss"]) for b in batches]
    return losses, first, annotator


def plain_losses(config, weights, number):
    """The same from keras.layers, padding and all, the embedding's gradient densified."""
    names = ["embedding", "kernel", "recurrent", "bias", "init_kernel", "init_bias", "out", "out_b"]
    given = dict(zip(names, weights, strict=True))
    cell = keras.layers.LSTMCell(CELLS, activation="relu")
    cell.build((None, WORDS))
    cell.set_weights([given["kernel"], given["recurrent"], given["bias"]])
    rnn = keras.layers.RNN(cell, return_sequences=True)
    variables = [tf.Variable(given[n]) for n in ("embedding", "init_kernel", "init_bias")]
    out = [tf.Variable(given["out"]), tf.Variable(given["out_b"])]
    trained = [*variables, *out, *[v.value for v in cell.trainable_variables]]
    optimizer = keras.optimizers.RMSprop(1e-3)
    kept = [keras.Variable(v) for v in trained]
    optimizer.build(kept)
    losses = []
    for tensors in make_batches(number):
        for variable, value in zip(trained, kept, strict=True):
            variable.assign(value)
        with tf.GradientTape() as tape:
            state = tensors[batch.CONCEPTS] @ variables[1] + variables[2]
            words = tf.gather(variables[0], tensors[batch.INPUT_IDS][:, 0])
            hidden = rnn(words, initial_state=[state, tf.zeros_like(state)])
            logits = hidden @ out[0] + out[1]
            nll = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tensors[batch.TARGET_IDS][:, 0], logits
            )
            mask = tf.cast(tensors[batch.PADDING_MASK][:, 0], tf.float32)
            loss = tf.reduce_mean(tf.reduce_sum(nll * mask, -1))
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, trained)]
        gradients, _ = tf.clip_by_global_norm(gradients, 2.0)
        optimizer.apply_gradients(zip(gradients, kept, strict=True))
        losses.append(float(loss))
    return losses


def test_fifty_steps_equal_plain_keras(toy):
    config = make_config(toy)
    ours, first, annotator = our_losses(config, 50)
    order = [v.path.split("/")[-1] for v in annotator.decoder.trainable_variables]
    assert order[0] == "word_embedding"
    np.testing.assert_allclose(ours, plain_losses(config, first, 50), rtol=1e-4)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_follows_float32(precision, toy):
    full, _, _ = our_losses(make_config(toy), 60)
    half, _, _ = our_losses(make_config(toy, precision), 60)
    np.testing.assert_allclose(half, full, rtol=0.02)
    assert half != full


def test_xla_gives_the_same_losses(toy):
    """Compiled, padded and every position scored; see `config.jit_compile`."""
    config = make_config(toy)
    plain, _, _ = our_losses(config, 5)
    compiled = dataclasses.replace(config, jit_compile=True)
    padded = [pad_time(tensors) for tensors in make_batches(5)]
    assert {t[batch.INPUT_IDS].shape[2] for t in padded} <= {8, 16}
    found, _, _ = our_losses(compiled, 5, padded)
    np.testing.assert_allclose(found, plain, rtol=1e-5)


def test_dropout_is_drawn_from_seed_and_step_alone(toy):
    config = make_config(toy)
    decoder = dataclasses.replace(config.decoder, input_dropout=0.5)
    annotator = Annotator(dataclasses.replace(config, decoder=decoder), CONCEPTS, VOCAB, 4)
    section = dataclasses.replace(config.relational, learning_rate=0.0)
    config = dataclasses.replace(config, relational=section)
    (phase,) = find_stage(config, "relational").phases
    groups = build_groups(annotator, phase)
    step = build_train_step(annotator, phase, groups)
    (tensors,) = make_batches(1)
    losses = [
        float(step(tensors, tf.constant(s))["loss"]) for s in ([0, 0], [0, 1], [1, 0], [0, 0])
    ]
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("compiled", [False, True])
def test_only_the_rows_of_a_batch_are_updated(compiled, toy):
    """Compiled gradients are whole tables, and so is the update."""
    config = dataclasses.replace(make_config(toy), jit_compile=compiled)
    annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=4)
    (phase,) = find_stage(config, "relational").phases
    groups = build_groups(annotator, phase)
    step = build_train_step(annotator, phase, groups, compiled)
    (tensors,) = make_batches(1)
    step(pad_time(tensors) if compiled else tensors, tf.constant([0, 0]))
    (counts,) = groups[0].optimizer.row_steps
    read = np.isin(np.arange(VOCAB + 1), tensors[batch.INPUT_IDS])
    np.testing.assert_array_equal(np.asarray(counts), 1.0 if compiled else read)
    assert not read.all()


def test_a_tied_table_is_updated_whole(toy):
    config = make_config(toy)
    decoder = dataclasses.replace(config.decoder, tie_output=True, cells=WORDS)
    annotator = Annotator(dataclasses.replace(config, decoder=decoder), CONCEPTS, VOCAB, 4)
    (group,) = build_groups(annotator, find_stage(config, "relational").phases[0])
    assert not group.optimizer.row_steps


def test_padding_has_no_gradient(toy):
    config = make_config(toy)
    annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=4)
    (tensors,) = make_batches(1)
    pad = {k: tf.pad(v, [[0, 0], [0, 2], [0, 3]]) for k, v in tensors.items() if v.shape.rank == 3}
    variables = [v.value for v in annotator.decoder.trainable_variables]
    gradients = []
    for own in (tensors, {**tensors, **pad}):
        with tf.GradientTape() as tape:
            (phase,) = find_stage(config, "relational").phases
            made = phase.loss(annotator, own, tf.constant([0, 0]))
        gradients.append([tf.convert_to_tensor(g) for g in tape.gradient(made["loss"], variables)])
    for few, more in zip(*gradients, strict=True):
        np.testing.assert_allclose(more, few, rtol=1e-4, atol=1e-6)


@pytest.mark.large
def test_bfloat16_curve_over_a_thousand_steps(toy):
    full, _, _ = our_losses(make_config(toy), 1000)
    half, _, _ = our_losses(make_config(toy, "mixed_bfloat16"), 1000)
    means = [np.mean(np.reshape(x, (-1, 50)), axis=1) for x in (full, half)]
    np.testing.assert_allclose(means[1], means[0], rtol=0.02)
