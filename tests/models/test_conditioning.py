"""Every conditioning against NumPy written from Fig. 1 and Sec. 3.1."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.cells import LSTM
from semreg_tf.models.conditioning import build_conditioning
from semreg_tf.models.conditioning_hooks import Widths
from semreg_tf.models.decoder import Decoder

UNITS, WORDS, FEATURES, CONCEPTS, BATCH, VOCAB = 5, 4, 7, 6, 3, 9
CELLS, CHANNELS = 4, 2
SHAPES = {
    "features": (None, FEATURES),
    "concept_probabilities": (None, CONCEPTS),
    "spatial_features": (None, CELLS, CHANNELS),
}


def randomise(layer, seed=0):
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))


def encoder_outputs():
    rng = np.random.default_rng(1)
    return {
        "features": tf.constant(rng.normal(size=(BATCH, FEATURES)).astype("f")),
        "concept_probabilities": tf.constant(rng.random((BATCH, CONCEPTS)).astype("f")),
        "spatial_features": tf.constant(rng.normal(size=(BATCH, CELLS, CHANNELS)).astype("f")),
    }


def build(config, word_embedding=WORDS):
    cell = LSTM(UNITS)
    cell.build((None, word_embedding))
    conditioning = build_conditioning(config, word_embedding, cell.state_sizes, None)
    conditioning.build(SHAPES, Widths(word_embedding, word_embedding, word_embedding, UNITS))
    randomise(conditioning)
    randomise(cell, 2)
    return cell, conditioning


@pytest.mark.parametrize("embedding", ["features", "concepts"])
@pytest.mark.parametrize("activation", ["linear", "tanh", "relu"])
@pytest.mark.parametrize("states", ["hidden", "both"])
def test_init_state_is_a_map_of_the_embedding(embedding, activation, states):
    config = ConditioningConfig(embedding=embedding, activation=activation, states=states)
    cell, conditioning = build(config)
    outputs = encoder_outputs()
    key = {"features": "features", "concepts": "concept_probabilities"}[embedding]
    function = {
        "linear": lambda v: v,
        "tanh": np.tanh,
        "relu": lambda v: np.maximum(v, 0),
    }[activation]
    ie = outputs[key].numpy()
    want = [function(ie @ np.asarray(m.kernel) + np.asarray(m.bias)) for m in conditioning.maps]
    h, c = conditioning.initial_state(conditioning.prepare(outputs, None), cell)
    np.testing.assert_allclose(h, want[0], atol=1e-5)
    np.testing.assert_allclose(
        c, want[1] if states == "both" else np.zeros((BATCH, UNITS)), atol=1e-5
    )


def test_step_zero_is_one_call_of_the_cell_from_zeros():
    cell, conditioning = build(ConditioningConfig(kind="step_zero", embedding="features"))
    outputs = encoder_outputs()
    h, c = conditioning.initial_state(conditioning.prepare(outputs, None), cell)
    image = outputs["features"].numpy() @ np.asarray(conditioning.map.kernel) + np.asarray(
        conditioning.map.bias
    )
    zeros = np.zeros((BATCH, UNITS), "f")
    want_h, (_, want_c) = cell.step(cell.project_input(tf.constant(image)), (zeros, zeros))
    np.testing.assert_allclose(h, want_h, atol=1e-5)
    np.testing.assert_allclose(c, want_c, atol=1e-5)


@pytest.mark.parametrize("reaches", [True, False])
def test_input_dropout_reaches_the_image_of_step_zero_in_training(reaches):
    """All inputs dropped: im2txt's cell reads an image of zeros."""
    config = ConditioningConfig(kind="step_zero", embedding="features", input_dropout=reaches)
    cell, conditioning = build(config)
    context = conditioning.prepare(encoder_outputs(), None)
    zeros = tf.zeros((BATCH, UNITS))
    image = tf.zeros((BATCH, WORDS)) if reaches else context["image_embedding"]
    want = cell.step(cell.project_input(image), (zeros, zeros))[1]
    state = conditioning.initial_state(context, cell, tf.zeros_like)
    for got, expected in zip(state, want, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_decoder_drops_the_image_of_step_zero_in_training_alone():
    image = ConditioningConfig(kind="step_zero", embedding="features")
    config = DecoderConfig(cells=UNITS, word_embedding=WORDS, input_dropout=0.5)
    decoder = Decoder(config, (image,), VOCAB)
    decoder.build(SHAPES)
    randomise(decoder)
    context = decoder.prepare(encoder_outputs())
    plain, dropped = (decoder.initial_state(context, training=t)[1] for t in (False, True))
    np.testing.assert_array_equal(plain, decoder.initial_state(context)[1])
    assert np.abs(plain - dropped).max() > 1e-3


def test_output_fusion_is_wang_et_al():
    config = ConditioningConfig(kind="output_fusion", embedding="features", width=WORDS)
    decoder = Decoder(
        DecoderConfig(cells=UNITS, word_embedding=WORDS, tie_output=True), (config,), VOCAB
    )
    decoder.build(SHAPES)
    randomise(decoder)
    outputs = encoder_outputs()
    context = decoder.prepare(outputs)
    hidden = np.random.default_rng(4).normal(size=(BATCH, UNITS)).astype("f")
    words = np.zeros((BATCH, WORDS), "f")
    fusion = decoder.conditionings[0]
    x = np.maximum(
        hidden @ np.asarray(fusion.output_map.kernel)
        + outputs["features"].numpy() @ np.asarray(fusion.image_map.kernel),
        0,
    )
    want = x @ np.asarray(decoder.embedding)[:VOCAB].T
    np.testing.assert_allclose(
        decoder.logits(tf.constant(hidden), tf.constant(words), context), want, atol=1e-5
    )


def numpy_attention(layer, cells, hidden):
    """Returns alpha (batch, cells) and z (batch, channels), written from Xu et al. (2015)."""
    keys, bias, query, score = (
        np.asarray(w)
        for w in (
            layer.key_map.kernel,
            layer.key_map.bias,
            layer.query_map.kernel,
            layer.score_map.kernel,
        )
    )
    alphas, seen = [], []
    for image in range(BATCH):
        scores = [
            (np.tanh(a @ keys + bias + hidden[image] @ query) @ score)[0] for a in cells[image]
        ]
        alpha = np.exp(scores) / np.exp(scores).sum()
        alphas.append(alpha)
        seen.append(sum(weight * a for weight, a in zip(alpha, cells[image], strict=True)))
    return np.array(alphas), np.array(seen)


def test_soft_attention_is_xu_et_al():
    config = ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=8)
    _, attention = build(config)
    outputs = encoder_outputs()
    rng = np.random.default_rng(5)
    hidden, memory = rng.normal(size=(2, BATCH, UNITS)).astype("f")
    words = rng.normal(size=(BATCH, WORDS)).astype("f")
    context = attention.prepare(outputs, None)
    alpha, seen = numpy_attention(attention, outputs["spatial_features"].numpy(), hidden)
    np.testing.assert_allclose(attention.attention(context, (hidden, memory)), alpha, atol=1e-5)
    assert alpha.max() > 1.2 / CELLS
    np.testing.assert_allclose(
        attention.step_input(context, words, (hidden, memory)),
        np.concatenate([words, seen], axis=1),
        atol=1e-5,
    )
    assert attention.input_size(WORDS, SHAPES) == WORDS + CHANNELS


def test_soft_attention_parameters_are_the_formula():
    decoder = Decoder(
        DecoderConfig(cells=UNITS, word_embedding=WORDS),
        (ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=8),),
        VOCAB,
    )
    decoder.build(SHAPES)
    assert decoder.conditionings[0].count_params() == 8 * (CHANNELS + UNITS + 2)
    assert decoder.cell.count_params() == 4 * UNITS * (WORDS + CHANNELS + UNITS + 1)


def test_a_map_is_read_as_its_mean_where_one_vector_is_wanted():
    cell, conditioning = build(ConditioningConfig(embedding="spatial_features"))
    outputs = encoder_outputs()
    h, _ = conditioning.initial_state(conditioning.prepare(outputs, None), cell)
    (layer,) = conditioning.maps
    mean = outputs["spatial_features"].numpy().mean(axis=1)
    np.testing.assert_allclose(h, mean @ np.asarray(layer.kernel) + layer.bias, atol=1e-5)


def test_an_encoder_without_a_map_is_refused():
    config = ConditioningConfig(embedding="spatial_features")
    conditioning = build_conditioning(config, WORDS, (UNITS,), None)
    with pytest.raises(ValueError, match="must hold 'spatial_features', which 'init_state_0' rea"):
        conditioning.build({"features": (None, 7)}, Widths(WORDS, WORDS, WORDS, UNITS))


def test_stop_gradient_cuts_the_embedding_and_the_default_does_not():
    for stop, flows in ((True, False), (False, True)):
        cell, conditioning = build(ConditioningConfig(stop_gradient=stop))
        outputs = encoder_outputs()
        with tf.GradientTape() as tape:
            tape.watch(outputs["concept_probabilities"])
            h, _ = conditioning.initial_state(conditioning.prepare(outputs, None), cell)
            loss = tf.reduce_sum(h**2)
        gradient = tape.gradient(loss, outputs["concept_probabilities"])
        assert (gradient is not None and bool(tf.reduce_any(gradient != 0))) is flows


def test_unknown_kind_lists_the_known():
    with pytest.raises(ValueError, match=r"`kind` .* init_state.*Received: kind='telepathy'"):
        build_conditioning(ConditioningConfig(kind="telepathy"), WORDS, (UNITS,), None)


def test_a_kind_that_needs_the_image_is_refused_without():
    with pytest.raises(
        ValueError, match=r"where the kind is init_state; 'none' is for multimodal_output\."
    ):
        build_conditioning(ConditioningConfig(embedding="none"), WORDS, (UNITS,), None)


def test_tied_output_of_another_width_is_refused():
    decoder = Decoder(
        DecoderConfig(cells=UNITS, word_embedding=WORDS, tie_output=True),
        (ConditioningConfig(),),
        VOCAB,
    )
    with pytest.raises(ValueError, match=r"`tie_output` needs .* Received: word_embedding=4"):
        decoder.build(SHAPES)


def test_unsaid_concepts_are_read_until_their_word_is_said():
    config = ConditioningConfig(kind="unsaid_concepts")
    decoder = Decoder(
        DecoderConfig(cell="gru", cells=UNITS, word_embedding=WORDS), (config,), VOCAB
    )
    decoder.build(SHAPES)
    randomise(decoder)
    (layer,) = decoder.conditionings
    # Concepts 1 and 4 are the words 2 and 7; UNK, 8, stands for what is no word.
    layer.set_concept_words(np.array([8, 2, 0, 1, 7, 3]))
    outputs = encoder_outputs()
    probabilities = outputs["concept_probabilities"].numpy()
    context = decoder.prepare(outputs)
    state = decoder.initial_state(context, BATCH)
    np.testing.assert_array_equal(state[-1], np.ones((BATCH, CONCEPTS)))
    table, kernel = np.asarray(decoder.embedding), np.asarray(layer.map.kernel)
    said = np.zeros((BATCH, CONCEPTS), bool)
    # START, which is no concept, then a word of another concept in each row, then one said twice.
    for tokens in ([VOCAB, VOCAB, VOCAB], [2, 7, 3], [7, 7, 6]):
        tokens = np.array(tokens)
        said |= np.array([8, 2, 0, 1, 7, 3]) == tokens[:, None]
        want = table[tokens] + (probabilities * ~said) @ kernel
        moved = decoder._chain.remember(context, state, tf.constant(tokens, tf.int32))
        words = decoder.words(tf.constant(tokens))
        np.testing.assert_allclose(
            decoder._chain.step_input(context, words, moved), want, rtol=1e-5, atol=1e-5
        )
        _, state = decoder.step(tf.constant(tokens, tf.int32), state, context)
        np.testing.assert_array_equal(state[-1], ~said)
