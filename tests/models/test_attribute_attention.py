"""Attention to attributes against NumPy written from You et al. (2016)."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.decoder import Decoder

UNITS, WORDS, WIDTH, VOCAB, BATCH, CONCEPTS, CHOSEN = 5, 4, 6, 9, 3, 7, 3
SHAPES = {"features": (None, 6), "concept_probabilities": (None, CONCEPTS)}
WORD_IDS = np.array([8, 2, 5, 0, 7, 3, 1], "i")


def decoder_of(tied=True, **fields):
    attributes = ConditioningConfig(
        kind="attribute_attention",
        embedding="concepts",
        activation="tanh",
        width=WIDTH,
        num_attributes=CHOSEN,
        **fields,
    )
    image = ConditioningConfig(kind="step_zero", embedding="features")
    config = DecoderConfig(cells=UNITS, word_embedding=WORDS, activation="tanh", tie_output=tied)
    decoder = Decoder(config, (image, attributes), VOCAB)
    decoder.build(SHAPES)
    rng = np.random.default_rng(0)
    for variable in decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.6, size=variable.shape))
    decoder.conditionings[1].set_concept_words(WORD_IDS)
    return decoder


def outputs():
    rng = np.random.default_rng(1)
    return {
        "features": tf.constant(rng.normal(size=(BATCH, 6)), tf.float32),
        "concept_probabilities": tf.constant(rng.random((BATCH, CONCEPTS)), tf.float32),
    }


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def numpy_attention(decoder, probabilities, word, hidden):
    """Returns x_t, o_t, alpha and beta of one row."""
    layer = decoder.conditionings[1]
    u, wx, v, p, wh = (
        np.asarray(m.kernel, np.float64)
        for m in (
            layer.input_keys,
            layer.input_map,
            layer.output_keys,
            layer.output_values,
            layer.output_map,
        )
    )
    table = np.asarray(decoder.embedding, np.float64)
    best = np.argsort(-probabilities, kind="stable")[:CHOSEN]
    attributes = [table[WORD_IDS[i]] for i in best]
    alpha = softmax(np.array([word @ u.T @ e for e in attributes]))
    seen = sum(a * e for a, e in zip(alpha, attributes, strict=True))
    x = (word + np.asarray(layer.input_scale) * seen) @ wx
    beta = softmax(np.array([hidden @ v.T @ np.tanh(e) for e in attributes]))
    said = sum(b * np.tanh(e) for b, e in zip(beta, attributes, strict=True))
    o = (hidden + np.asarray(layer.output_scale) * (said @ p)) @ wh
    return x, o, alpha, beta


def test_input_output_and_both_attentions_are_you_et_als():
    decoder, given = decoder_of(), outputs()
    layer = decoder.conditionings[1]
    context = decoder.prepare(given)
    rng = np.random.default_rng(2)
    words, hidden = rng.normal(size=(BATCH, WORDS)), rng.normal(size=(BATCH, UNITS))
    as_tensors = [tf.constant(x, tf.float32) for x in (words, hidden)]
    x = layer.step_input(context[1], as_tensors[0], ())
    o = layer.step_output(context[1], *as_tensors)
    alpha, beta = layer.attention_weights(context[1], *as_tensors)
    logits = decoder.logits(as_tensors[1], as_tensors[0], context)
    for row in range(BATCH):
        p = given["concept_probabilities"][row].numpy()
        want = numpy_attention(decoder, p, words[row], hidden[row])
        for got, expected in zip((x, o, alpha, beta), want, strict=True):
            np.testing.assert_allclose(got[row], expected, atol=1e-5)
        # Tied: scores by the word embedding itself.
        scores = np.asarray(decoder.embedding)[:VOCAB] @ want[1]
        np.testing.assert_allclose(logits[row], scores, atol=1e-5)


def test_the_image_enters_once_before_the_first_word_without_attributes():
    decoder, given = decoder_of(), outputs()
    state = decoder.initial_state(decoder.prepare(given), BATCH)
    changed = given | {"concept_probabilities": 1 - given["concept_probabilities"]}
    other = decoder.initial_state(decoder.prepare(changed), BATCH)
    np.testing.assert_array_equal(state[0], other[0])


def test_probabilities_choose_the_list_alone():
    """Another order of the same attributes, and other probabilities, change nothing."""
    decoder, given = decoder_of(), outputs()
    best = np.argsort(-given["concept_probabilities"].numpy(), axis=1)[:, :CHOSEN]
    others = np.zeros((BATCH, CONCEPTS), "f")
    for row, chosen in enumerate(best):
        others[row, chosen[::-1]] = [0.3, 0.2, 0.1]
    ids = tf.constant([[[VOCAB, 1, 2]]] * BATCH)
    made = decoder(given, ids)
    same = decoder(given | {"concept_probabilities": tf.constant(others)}, ids)
    np.testing.assert_allclose(made, same, atol=1e-5)
    others[0, best[0, 0]] = 0.0
    different = decoder(given | {"concept_probabilities": tf.constant(others)}, ids)
    assert np.abs(made[0] - different[0]).max() > 1e-3
    np.testing.assert_allclose(made[1:], different[1:], atol=1e-5)


def test_the_gradient_reaches_attributes_words_and_features_but_no_probability():
    decoder, given = decoder_of(tied=False), outputs()
    weighting = tf.constant(np.random.default_rng(3).normal(size=(BATCH, 1, 2, VOCAB)), tf.float32)
    table = decoder.embedding.value
    with tf.GradientTape(persistent=True) as tape:
        for value in given.values():
            tape.watch(value)
        loss = tf.reduce_sum(decoder(given, tf.constant([[[VOCAB, 1]]] * BATCH)) * weighting)
    assert tape.gradient(loss, given["concept_probabilities"]) is None
    assert float(tf.norm(tape.gradient(loss, given["features"]))) > 0
    rows = np.abs(tf.convert_to_tensor(tape.gradient(loss, table)).numpy()).max(axis=1)
    best = np.argsort(-given["concept_probabilities"].numpy(), axis=1)[:, :CHOSEN]
    read = {VOCAB, 1, *WORD_IDS[best].ravel().tolist()}
    assert set(np.flatnonzero(rows)) == read


def test_penalised_attention_is_what_the_packed_words_were_scored_with():
    decoder, given = decoder_of(attention_penalty=0.5), outputs()
    ids = tf.constant(np.random.default_rng(4).integers(0, VOCAB, (BATCH, 2, 3)), tf.int32)
    mask = np.arange(3) < np.array([[3, 2], [1, 3], [2, 0]])[..., None]
    _, rows, attention = decoder.packed_logits(given, ids, tf.constant(mask))
    assert [fields.attention_penalty for fields, _ in attention] == [0.5, 0.5]
    context = decoder.prepare(given)
    for caption in range(2):
        state = decoder.initial_state(context, BATCH)
        for t in range(3):
            words = decoder.words(ids[:, caption, t])
            hidden, _, state = decoder.advance(ids[:, caption, t], state, context)
            stepped = decoder.conditionings[1].attention_weights(context[1], words, hidden)
            for image in np.flatnonzero(mask[:, caption, t]):
                token = int(mask.reshape(-1)[: (image * 2 + caption) * 3 + t].sum())
                assert int(rows[token]) == image * 2 + caption
                for (_, packed), own in zip(attention, stepped, strict=True):
                    np.testing.assert_allclose(packed[token], own[image], atol=1e-5)
    assert decoder_of().packed_logits(given, ids, tf.constant(mask))[2] == []


def test_too_few_concepts_and_a_penalty_of_no_attention_are_refused():
    attributes = ConditioningConfig(kind="attribute_attention")
    decoder = Decoder(DecoderConfig(cells=UNITS, word_embedding=WORDS), (attributes,), VOCAB)
    message = r"`num_attributes` must be at most the number of concepts, 7\. Received: .*=10"
    with pytest.raises(ValueError, match=message):
        decoder.build(SHAPES)
    message = r"`attention_penalty` must be 0 where the kind is step_zero.* kind='step_zero'"
    with pytest.raises(ValueError, match=message):
        Decoder(DecoderConfig(), (ConditioningConfig(kind="step_zero", attention_penalty=1.0),), 9)
