"""Dropout of the concepts that the decoder reads, judged by NumPy and by the loss without it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.concept_dropout import drop_concepts
from semreg_tf.training.phases import find_stage

SEED, RATE, CONCEPTS, VOCAB = tf.constant([3, 5]), 0.25, 12, 14


def test_probabilities_are_dropped_at_the_rate_and_the_others_stay_probabilities():
    probabilities = np.random.default_rng(0).random((400, 50), "f")
    first, again, other, none = (
        drop_concepts(tf.constant(probabilities), rate, tf.constant(seed)).numpy()
        for rate, seed in ((RATE, [1, 2]), (RATE, [1, 2]), (RATE, [1, 3]), (0.0, [1, 2]))
    )
    dropped = first == 0
    np.testing.assert_array_equal(first, np.where(dropped, 0, probabilities))
    assert abs(dropped.mean() - RATE) < 0.01
    # Independent over concepts and over images.
    assert dropped.mean(0).std() < 0.04 and dropped.mean(1).std() < 0.09
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(none, probabilities)


@pytest.fixture(scope="module")
def captioner():
    """A captioner on features with random weights, and a batch of two captions an image."""
    config = experiments.get("demo_captions/s_cnn_rnn_fix")
    off = {"input_dropout": 0.0, "output_dropout": 0.0}
    decoder = dataclasses.replace(
        config.decoder, cells=16, word_embedding=8, concept_dropout=RATE, **off
    )
    encoder = dataclasses.replace(config.encoder, feature_dropout=0.0)
    config = dataclasses.replace(config, decoder=decoder, encoder=encoder)
    annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=6)
    rng = np.random.default_rng(0)
    for group in ("image_head", "decoder"):
        for variable in annotator.variables(group):
            variable.assign(rng.normal(scale=0.5, size=variable.shape))
    ids = rng.integers(0, VOCAB - 1, (4, 2, 6))
    ids[..., 0] = VOCAB
    tensors = {
        batch.FEATURES: tf.constant(rng.normal(size=(4, 6)), tf.float32),
        batch.CONCEPTS: tf.constant(rng.random((4, CONCEPTS)) < 0.6, tf.float32),
        batch.INPUT_IDS: tf.constant(ids, tf.int32),
        batch.TARGET_IDS: tf.constant(np.roll(ids, -1, axis=2) % VOCAB, tf.int32),
        batch.PADDING_MASK: tf.constant(np.arange(6) < rng.integers(3, 7, (4, 2, 1))),
    }
    return annotator, tensors


def kept():
    return drop_concepts(tf.ones((4, CONCEPTS)), RATE, SEED).numpy()


def test_the_relational_stage_reads_true_concepts_without_the_dropped_ones(captioner):
    annotator, tensors = captioner
    (phase,) = find_stage(annotator.config, "relational").phases
    found = phase.loss(annotator, tensors, SEED)
    masked = {"concept_probabilities": tensors[batch.CONCEPTS].numpy() * kept()}
    logits = annotator.decoder(masked, tensors[batch.INPUT_IDS]).numpy().astype(np.float64)
    log_sums = np.log(np.exp(logits).sum(-1))
    targets, mask = (tensors[k].numpy() for k in (batch.TARGET_IDS, batch.PADDING_MASK))
    losses = log_sums - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    expected = (losses * mask).sum(2).mean(1).mean()
    assert float(found["relational_loss"]) == pytest.approx(expected, rel=1e-5)
    # In evaluation nothing is dropped.
    whole = annotator.search_start({"concept_probabilities": tensors[batch.CONCEPTS]})[1][0]
    weights = annotator.decoder.conditionings[0].maps[0]
    s = tensors[batch.CONCEPTS].numpy()
    np.testing.assert_allclose(whole, s @ np.array(weights.kernel) + np.array(weights.bias), 1e-5)


def test_the_joint_stage_has_the_whole_lu_and_a_gradient_of_lr_through_those_left(captioner):
    annotator, tensors = captioner
    loss = find_stage(annotator.config, "joint").phases[-1].loss
    only_words = dataclasses.replace(loss, unary_weight=0.0)
    bias = annotator.variables("image_head")[-1]
    with tf.GradientTape() as tape:
        found = only_words(annotator, tensors, SEED)
    gradient = tf.convert_to_tensor(tape.gradient(found["loss"], bias.value)).numpy()
    # Lu of the undropped concepts, by eq. 5.
    s, p = tensors[batch.CONCEPTS].numpy(), annotator.encode(tensors)["concept_probabilities"]
    p = p.numpy().astype(np.float64)
    unary = -(s * np.log(p) + (1 - s) * np.log(1 - p)).sum(1).mean()
    assert float(found["unary_loss"]) == pytest.approx(unary, rel=1e-5)
    # dLr/db of the head: that of the decoder's input times the mask and s_hat (1 - s_hat).
    read = tf.constant(p * kept(), tf.float32)
    words = (batch.INPUT_IDS, batch.TARGET_IDS, batch.PADDING_MASK)
    true_concepts = dataclasses.replace(loss, reads="true_concepts", concepts=None)
    without = dataclasses.replace(annotator.config.decoder, concept_dropout=0.0)
    plain = dataclasses.replace(annotator.config, decoder=without)
    annotator.config, config = plain, annotator.config
    try:
        with tf.GradientTape() as tape:
            tape.watch(read)
            given = {**{k: tensors[k] for k in words}, batch.CONCEPTS: read}
            of_input = tape.gradient(true_concepts(annotator, given, SEED)["loss"], read).numpy()
    finally:
        annotator.config = config
    np.testing.assert_allclose(gradient, (of_input * kept() * p * (1 - p)).sum(0), 1e-3, 1e-5)
    assert np.abs(gradient).max() > 1e-3
