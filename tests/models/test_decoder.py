"""Training unrolls, search steps: both are the same model, whatever the conditioning."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.decoder import Decoder

VOCAB, BATCH, CAPTIONS, TIME = 9, 2, 3, 5
SHAPES = {"features": (None, 7), "concept_probabilities": (None, 6)}
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
}


def make(case):
    config, conditioning = CASES[case]
    decoder = Decoder(config, (conditioning,), VOCAB, name="decoder")
    decoder.build(SHAPES)
    rng = np.random.default_rng(0)
    for variable in decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    outputs = {
        "features": tf.constant(rng.normal(size=(BATCH, 7)).astype("f")),
        "concept_probabilities": tf.constant(rng.random((BATCH, 6)).astype("f")),
    }
    ids = tf.constant(rng.integers(0, VOCAB + 1, (BATCH, CAPTIONS, TIME)), tf.int32)
    return decoder, outputs, ids


@pytest.mark.parametrize("case", CASES)
def test_unroll_equals_steps(case):
    decoder, outputs, ids = make(case)
    unrolled = decoder(outputs, ids).numpy()
    for caption in range(CAPTIONS):
        context = decoder.prepare(outputs)
        state = decoder.initial_state(context)
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
    packed, rows = decoder.packed_logits(outputs, ids, tf.constant(mask))
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


def test_dropout_acts_in_training_alone():
    config = DecoderConfig(cells=5, word_embedding=4, input_dropout=0.5, output_dropout=0.5)
    decoder = Decoder(config, (ConditioningConfig(),), VOCAB)
    decoder.build(SHAPES)
    outputs = {"concept_probabilities": tf.ones((BATCH, 6))}
    ids = tf.zeros((BATCH, CAPTIONS, TIME), tf.int32)
    np.testing.assert_array_equal(decoder(outputs, ids), decoder(outputs, ids))
    assert not np.allclose(decoder(outputs, ids, training=True), decoder(outputs, ids))


@pytest.mark.parametrize("case", CASES)
def test_scoring_in_bfloat16_is_near(case):
    decoder, outputs, ids = make(case)
    context = decoder.prepare(outputs)
    state = decoder.initial_state(context)
    full, _ = decoder.step(ids[:, 0, 0], state, context)
    for dtype, tolerance in ((tf.float32, 1e-5), (tf.bfloat16, 0.1)):
        weights = decoder.output_weights(dtype)
        logits, _ = decoder.step(ids[:, 0, 0], state, context, None, weights)
        assert logits.dtype == dtype
        np.testing.assert_allclose(
            tf.cast(logits, tf.float32), full, rtol=tolerance, atol=tolerance
        )
