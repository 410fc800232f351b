"""Averaged probabilities, judged by NumPy; one model, and one model twice, is itself."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.search import Search
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble, log_mean_softmax

CONCEPTS, WORDS, BATCH = 5, 9, 3


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def annotator(toy, name, seed, words=WORDS):
    tf.keras.utils.set_random_seed(seed)
    made = Annotator(toy(experiments.get(name)), CONCEPTS, words, feature_size=7)
    for variable in made.decoder.variables if made.decoder else []:
        variable.assign(tf.random.normal(variable.shape))
    return made


@pytest.fixture(scope="module")
def models(toy):
    # Another way for the image to reach the decoder, so states and contexts differ in structure.
    return annotator(toy, "demo_captions/s_cnn_rnn", 0), annotator(toy, "demo_captions/nic_f", 1)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    return [{"features": tf.constant(rng.normal(size=(BATCH, 7)), tf.float32)} for _ in range(2)]


def found(start, method="beam"):
    decoding = DecodingConfig(method=method, max_steps=6)
    return Search(decoding, start_id=WORDS, end_id=WORDS - 1)(*start)


def assert_same_results(ours, theirs, exact):
    np.testing.assert_array_equal(ours.token_ids, theirs.token_ids)
    compare = np.testing.assert_array_equal if exact else np.testing.assert_allclose
    compare(ours.scores, theirs.scores, *([] if exact else [1e-5]))


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_one_model_is_itself_bit_for_bit(models, inputs, method):
    alone = models[0].encode(inputs[0])
    ensemble = Ensemble(models[:1])
    outputs = ensemble.encode(inputs[:1])
    np.testing.assert_array_equal(
        ensemble.concept_probabilities(outputs), alone["concept_probabilities"]
    )
    theirs = found(models[0].search_start(alone), method)
    assert_same_results(found(ensemble.search_start(outputs), method), theirs, exact=True)


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_a_model_twice_is_itself(models, inputs, method):
    ensemble = Ensemble([models[0], models[0]])
    outputs = ensemble.encode([inputs[0], inputs[0]])
    theirs = found(models[0].search_start(models[0].encode(inputs[0])), method)
    assert_same_results(found(ensemble.search_start(outputs), method), theirs, exact=False)


def test_two_models_are_the_mean_of_their_probabilities_at_every_step(models, inputs):
    ensemble = Ensemble(models)
    outputs = ensemble.encode(inputs)
    own = [m.encode(x) for m, x in zip(models, inputs, strict=True)]
    expected = np.mean([x["concept_probabilities"] for x in own], axis=0)
    np.testing.assert_allclose(ensemble.concept_probabilities(outputs), expected, rtol=1e-6)
    step, state, context = ensemble.search_start(outputs)
    starts = [m.search_start(x) for m, x in zip(models, own, strict=True)]
    states = [start[1] for start in starts]
    for word in ([WORDS] * BATCH, [1, 2, 3], [4, 4, 0]):
        ids = tf.constant(word)
        logits, state = step(ids, state, context)
        made = [start[0](ids, s, start[2]) for start, s in zip(starts, states, strict=True)]
        states = [new for _, new in made]
        mean = np.mean([softmax(np.array(x, np.float64)) for x, _ in made], axis=0)
        np.testing.assert_allclose(softmax(np.array(logits)), mean, rtol=1e-5)
        np.testing.assert_allclose(np.exp(logits), mean, rtol=1e-5)
        # Neither model alone says the same.
        assert np.abs(softmax(np.array(made[0][0])) - mean).max() > 0.01


def test_greedy_search_takes_the_best_of_the_mean(models, inputs):
    ensemble = Ensemble(models)
    ids = found(ensemble.search_start(ensemble.encode(inputs)), "greedy").token_ids.numpy()[:, 0]
    starts = [m.search_start(m.encode(x)) for m, x in zip(models, inputs, strict=True)]
    states, last = [s[1] for s in starts], np.full(BATCH, WORDS)
    running = np.ones(BATCH, bool)
    for position in range(ids.shape[1]):
        made = [s[0](tf.constant(last), t, s[2]) for s, t in zip(starts, states, strict=True)]
        states = [new for _, new in made]
        last = np.mean([softmax(np.array(x)) for x, _ in made], axis=0).argmax(1)
        running &= last != WORDS - 1
        np.testing.assert_array_equal(ids[:, position], np.where(running, last, -1))


def test_teacher_forcing_averages_as_the_search_does(models, inputs):
    ensemble = Ensemble(models)
    input_ids = tf.constant([[[WORDS, 1, 2]], [[WORDS, 3, 8]], [[WORDS, 8, 8]]])
    mask = tf.constant([[[True] * 3], [[True, True, False]], [[True, False, False]]])
    outputs = ensemble.encode(inputs)
    logits = ensemble.packed_logits(outputs, input_ids, mask).numpy()
    own = [
        softmax(np.array(m.decoder.packed_logits(x, input_ids, mask)[0], np.float64))
        for m, x in zip(models, outputs, strict=True)
    ]
    assert logits.shape == (6, WORDS)
    np.testing.assert_allclose(np.exp(logits), np.mean(own, axis=0), rtol=1e-5)


def test_the_ground_truth_stands_in_for_what_is_seen(models):
    concepts = tf.constant(np.eye(CONCEPTS)[:BATCH], tf.float32)
    outputs = Ensemble(models[:1]).encode([{"concepts": concepts}])
    np.testing.assert_array_equal(outputs[0]["concept_probabilities"], concepts)


def test_log_mean_softmax_survives_extremes_and_half_precision():
    logits = [tf.constant([[0.0, -300.0, float("-inf")]]), tf.constant([[0.0, -200.0, -200.0]])]
    made = log_mean_softmax(logits).numpy()[0]
    np.testing.assert_allclose(made, [0.0, -200.0 - np.log(2), -200.0 - np.log(2)], atol=1e-5)
    half = tf.constant([[1.0, 2.0, 4.0]], tf.bfloat16)
    made = log_mean_softmax([half, half])
    assert made.dtype == tf.float32
    np.testing.assert_allclose(np.exp(made), softmax(np.array([[1.0, 2.0, 4.0]])), rtol=1e-6)


def test_no_model_is_refused():
    with pytest.raises(ValueError, match=r"`members` must hold at least one.*Received: members="):
        Ensemble([])


def test_models_of_other_sizes_or_without_a_decoder_are_refused(models, toy):
    other = annotator(toy, "demo_captions/s_cnn_rnn", 2, words=8)
    with pytest.raises(ValueError, match=r"equal numbers .*Received: .*\(5, 9, True\), \(5, 8"):
        Ensemble([models[0], other])
    cnn = annotator(toy, "demo_tags/cnn_logistic", 2)
    with pytest.raises(ValueError, match=r"all or none of them a decoder.*\(5, 9, False\)"):
        Ensemble([models[0], cnn])
    assert not Ensemble([cnn]).has_decoder


def test_the_mean_of_log_probabilities_is_the_normalised_geometric_mean():
    rng = np.random.default_rng(5)
    logits = [rng.normal(scale=3, size=(4, 6)) for _ in range(5)]
    made = log_mean_softmax([tf.constant(x, tf.float32) for x in logits], "log_probabilities")
    product = np.prod([softmax(x) for x in logits], axis=0) ** (1 / 5)
    np.testing.assert_allclose(np.exp(made), product / product.sum(-1, keepdims=True), rtol=1e-4)
