"""Training unrolls, search steps: both are the same model, whatever the conditioning."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.decoder import Decoder

VOCAB, BATCH, CAPTIONS, TIME = 9, 2, 3, 5
SHAPES = {
    "features": (None, 7),
    "concept_probabilities": (None, 6),
    "spatial_features": (None, 4, 3),
}
CASES = {
    "init_state": (DecoderConfig(cells=5, word_embedding=4), ConditioningConfig()),
    "both_states": (
        DecoderConfig(cells=5, word_embedding=4, cell="peephole_lstm", activation="tanh"),
        ConditioningConfig(states="both", embedding="features"),
    ),
    "step_zero": (
        DecoderConfig(cells=5, word_embedding=4),
        ConditioningConfig(kind="step_zero", embedding="features"),
    ),
    "output_fusion": (
        DecoderConfig(cells=5, word_embedding=4, tie_output=True),
        ConditioningConfig(kind="output_fusion", embedding="features", width=4),
    ),
    "multimodal_output": (
        DecoderConfig(cell="additive_rnn", cells=5, word_embedding=4, second_embedding=5),
        ConditioningConfig(kind="multimodal_output", embedding="features", width=6),
    ),
    "no_image": (
        DecoderConfig(cell="additive_rnn", cells=5, word_embedding=5),
        ConditioningConfig(kind="multimodal_output", embedding="none", width=6),
    ),
    "soft_attention": (
        DecoderConfig(cells=5, word_embedding=4, second_embedding=3),
        ConditioningConfig(embedding="spatial_features", states="both", activation="tanh"),
        ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=6),
    ),
}


def make(case):
    return make_from(*CASES[case])


def make_from(config, *conditionings):
    decoder = Decoder(config, conditionings, VOCAB, name="decoder")
    decoder.build(SHAPES)
    rng = np.random.default_rng(0)
    for variable in decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    outputs = {
        "features": tf.constant(rng.normal(size=(BATCH, 7)).astype("f")),
        "concept_probabilities": tf.constant(rng.random((BATCH, 6)).astype("f")),
        "spatial_features": tf.constant(rng.normal(size=(BATCH, 4, 3)).astype("f")),
    }
    ids = tf.constant(rng.integers(0, VOCAB + 1, (BATCH, CAPTIONS, TIME)), tf.int32)
    return decoder, outputs, ids


@pytest.mark.parametrize("case", CASES)
def test_unroll_equals_steps(case):
    decoder, outputs, ids = make(case)
    unrolled = decoder(outputs, ids).numpy()
    for caption in range(CAPTIONS):
        context = decoder.prepare(outputs)
        state = decoder.initial_state(context, BATCH)
        for table in (None, decoder.input_table()):
            stepped = state
            for t in range(TIME):
                logits, stepped = decoder.step(ids[:, caption, t], stepped, context, table)
                np.testing.assert_allclose(logits, unrolled[:, caption, t], atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_packed_logits_are_those_of_the_real_targets(case):
    decoder, outputs, ids = make(case)
    mask = np.zeros((BATCH, CAPTIONS, TIME), bool)
    mask[0, 0, :3] = mask[0, 2, :5] = mask[1, 1, :1] = True
    packed, rows, _ = decoder.packed_logits(outputs, ids, tf.constant(mask))
    np.testing.assert_allclose(packed, decoder(outputs, ids).numpy()[mask], atol=1e-4)
    np.testing.assert_array_equal(rows, [0] * 3 + [2] * 5 + [4])


@pytest.mark.parametrize("case", CASES)
def test_functional_model_saves_and_loads(case, tmp_path):
    decoder, outputs, ids = make(case)
    inputs = {k: keras.Input(shape[1:], name=k) for k, shape in SHAPES.items()}
    token_ids = keras.Input((None, None), dtype="int32", name="input_ids")
    model = keras.Model(
        {**inputs, "input_ids": token_ids}, {"token_logits": decoder(inputs, token_ids)}
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    batch = {**outputs, "input_ids": ids}
    np.testing.assert_array_equal(loaded(batch)["token_logits"], model(batch)["token_logits"])


def test_parameters_are_the_formula():
    vocabulary, concepts, e, u = 81, 80, 256, 512
    decoder = Decoder(DecoderConfig(cells=u, word_embedding=e), (ConditioningConfig(),), vocabulary)
    decoder.build({"concept_probabilities": (None, concepts)})
    formula = (
        (vocabulary + 1) * e  # E, START included
        + 4 * u * (e + u + 1)  # the cell
        + (concepts + 1) * u  # Wi, bi
        + (u + 1) * vocabulary  # W, b
    )
    assert decoder.count_params() == formula


def numpy_multimodal(decoder, features, ids):
    """Logits (time, vocab_size) of one caption, written from Mao et al. (2015)."""
    (layer,) = decoder.conditionings
    w = {
        name: np.asarray(value, "float64")
        for name, value in (
            ("embedding", decoder.embedding),
            ("second", decoder.second_embedding.kernel),
            ("second_bias", decoder.second_embedding.bias),
            ("u", decoder.cell.recurrent_kernel),
            ("vw", layer.word_map.kernel),
            ("vw_bias", layer.word_map.bias),
            ("vr", layer.output_map.kernel),
            ("m", decoder.output_layer.kernel),
            ("m_bias", decoder.output_layer.bias),
        )
    }
    vi = 0 if layer.image_map is None else features @ np.asarray(layer.image_map.kernel)
    r, logits = np.zeros(decoder.config.cells), []
    for token in ids:
        word = w["embedding"][token] @ w["second"] + w["second_bias"]
        r = np.maximum(r @ w["u"] + word, 0)
        m = 1.7159 * np.tanh(2 / 3 * (word @ w["vw"] + w["vw_bias"] + r @ w["vr"] + vi))
        logits.append(m @ w["m"] + w["m_bias"])
    return np.array(logits)


@pytest.mark.parametrize("embedding", ["features", "none"])
def test_multimodal_recurrent_network_is_mao_et_al(embedding):
    config = DecoderConfig(cell="additive_rnn", cells=5, word_embedding=4, second_embedding=5)
    conditioning = ConditioningConfig(kind="multimodal_output", embedding=embedding, width=6)
    decoder, outputs, ids = make_from(config, conditioning)
    got = decoder(outputs, ids).numpy()
    for image in range(BATCH):
        for caption in range(CAPTIONS):
            want = numpy_multimodal(
                decoder, outputs["features"][image].numpy(), ids[image, caption].numpy()
            )
            np.testing.assert_allclose(got[image, caption], want, atol=1e-4)


def test_multimodal_parameters_are_the_formula():
    vocabulary, features, e1, e2, m = 2_900, 4_096, 128, 256, 512
    decoder = Decoder(
        DecoderConfig(cell="additive_rnn", cells=e2, word_embedding=e1, second_embedding=e2),
        (ConditioningConfig(kind="multimodal_output", embedding="features", width=m),),
        vocabulary,
    )
    decoder.build({"features": (None, features)})
    formula = (
        (vocabulary + 1) * e1
        + (e1 + 1) * e2  # both embeddings, START included
        + e2 * e2  # U
        + (e2 + 1) * m
        + e2 * m
        + features * m  # Vw and its bias, Vr, Vi
        + (m + 1) * vocabulary  # the softmax layer
    )
    assert decoder.count_params() == formula


@pytest.mark.parametrize("case", CASES)
def test_the_state_reads_the_image_unless_it_enters_at_the_output(case):
    decoder, _, _ = make(case)
    at_the_output = ("output_fusion", "multimodal_output", "no_image")
    assert decoder.state_reads_image is (case not in at_the_output)


@pytest.mark.parametrize("case", ["init_state", "soft_attention"])
@pytest.mark.parametrize("dropout", ["input_dropout", "output_dropout"])
def test_dropout_acts_in_training_alone(case, dropout):
    config, *conditionings = CASES[case]
    config = dataclasses.replace(config, **{dropout: 0.5})
    decoder, outputs, ids = make_from(config, *conditionings)
    np.testing.assert_array_equal(decoder(outputs, ids), decoder(outputs, ids))
    assert not np.allclose(decoder(outputs, ids, training=True), decoder(outputs, ids))


def test_input_dropout_draws_anew_at_every_step_where_the_input_reads_the_state():
    config, *conditionings = CASES["soft_attention"]
    decoder, outputs, _ = make_from(dataclasses.replace(config, input_dropout=0.5), *conditionings)
    seen = []

    def step(projected, state):
        seen.append(projected)
        return state[0], state

    decoder._chain.step_input = lambda context, words, state: tf.ones((len(words), 6))
    decoder.cell.step = step
    decoder.cell.project_input = lambda inputs: inputs
    decoder(outputs, tf.zeros((BATCH, CAPTIONS, TIME), tf.int32), training=True)
    masks = np.stack(seen)
    assert masks.shape == (TIME, BATCH * CAPTIONS, 6)
    assert set(np.unique(masks)) == {0.0, 2.0}
    assert len({mask.tobytes() for mask in masks}) == TIME


@pytest.mark.parametrize("case", CASES)
def test_gates_are_those_of_the_step(case):
    decoder, outputs, ids = make(case)
    context = decoder.prepare(outputs)
    state = decoder.initial_state(context, BATCH)
    hidden, _, moved = decoder.advance(ids[:, 0, 0], state, context)
    gates, also = decoder.gates(ids[:, 0, 0], state, context)
    for one, other in zip(moved, also, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(gates) == set(decoder.cell.gate_names)
    if gates:
        squashed = decoder.cell.activation(moved[1])
        np.testing.assert_allclose(gates["output"] * squashed, hidden, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_scoring_in_bfloat16_is_near(case):
    decoder, outputs, ids = make(case)
    context = decoder.prepare(outputs)
    state = decoder.initial_state(context, BATCH)
    full, _ = decoder.step(ids[:, 0, 0], state, context)
    for dtype, tolerance in ((tf.float32, 1e-5), (tf.bfloat16, 0.1)):
        weights = decoder.output_weights(dtype)
        logits, _ = decoder.step(ids[:, 0, 0], state, context, None, weights)
        assert logits.dtype == dtype
        np.testing.assert_allclose(
            tf.cast(logits, tf.float32), full, rtol=tolerance, atol=tolerance
        )
