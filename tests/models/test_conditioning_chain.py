"""Every combination of conditionings is refused by name or trains whole and steps as it unrolls."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.conditioning import CONDITIONINGS
from semreg_tf.models.conditioning_hooks import EMBEDDING_KEYS
from semreg_tf.models.decoder import Decoder

UNITS, WORDS, WIDTH, VOCAB, BATCH, TIME, ATTRIBUTES = 5, 4, 6, 7, 3, 4, 3
SHAPES = {
    "features": (None, 6),
    "concept_probabilities": (None, 5),
    "spatial_features": (None, 4, 2),
}
PAIRS = list(itertools.product(CONDITIONINGS, repeat=2))
TRIPLES = [
    ("soft_attention", "init_state", "soft_attention"),
    ("output_fusion", "soft_attention", "multimodal_output"),
    ("multimodal_output", "output_fusion", "step_zero"),
    ("step_zero", "attribute_attention", "output_fusion"),
]
STATE_SETTERS = ("init_state", "step_zero")
CHANGING_THE_WORD = ("soft_attention", "attribute_attention")


def embedding_of(kind, place):
    """A different output of the encoder for each place, where the kind leaves a choice."""
    allowed = [e for e in CONDITIONINGS[kind].embeddings if e != "none"]
    return allowed[place % len(allowed)]


def decoder_of(kinds, cell="lstm", **fields):
    conditionings = tuple(
        # A width for each place: one that is taken for another does not fit.
        ConditioningConfig(
            kind=kind,
            embedding=embedding_of(kind, i),
            width=WIDTH + i,
            num_attributes=ATTRIBUTES,
            **fields,
        )
        for i, kind in enumerate(kinds)
    )
    word_embedding = UNITS if cell == "additive_rnn" else WORDS
    config = DecoderConfig(cell=cell, cells=UNITS, word_embedding=word_embedding, activation="tanh")
    return Decoder(config, conditionings, VOCAB)


def outputs_and_ids():
    rng = np.random.default_rng(1)
    outputs = {
        name: tf.constant(rng.random((BATCH, *shape[1:])), tf.float32)
        for name, shape in SHAPES.items()
    }
    return outputs, tf.constant(rng.integers(0, VOCAB, (BATCH, 2, TIME)), tf.int32)


def differentiable(decoder):
    """Outputs of the encoder with a gradient: attributes are only chosen by theirs."""
    read = [c.config.embedding for c in decoder.conditionings if not c.reads_concept_words]
    return {EMBEDDING_KEYS[embedding] for embedding in read}


def check_trains_whole_and_steps_as_it_unrolls(decoder):
    decoder.build(SHAPES)
    rng = np.random.default_rng(0)
    for variable in decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    outputs, ids = outputs_and_ids()
    weighting = rng.normal(size=(BATCH, 2, TIME, VOCAB))
    with tf.GradientTape(persistent=True) as tape:
        for value in outputs.values():
            tape.watch(value)
        unrolled = decoder(outputs, ids)
        loss = tf.reduce_sum(tf.nn.log_softmax(unrolled) * weighting)
    for variable in decoder.trainable_variables:
        gradient = tape.gradient(loss, variable.value)
        assert gradient is not None, variable.path
        assert float(tf.norm(tf.convert_to_tensor(gradient))) > 1e-6, variable.path
    for name in differentiable(decoder):
        gradient = tape.gradient(loss, outputs[name]).numpy()
        assert np.all(np.abs(gradient).reshape(BATCH, -1).max(axis=1) > 0), name
    context = decoder.prepare(outputs)
    for caption in range(2):
        state = decoder.initial_state(context, BATCH)
        for t in range(TIME):
            logits, state = decoder.step(ids[:, caption, t], state, context)
            np.testing.assert_allclose(logits, unrolled[:, caption, t], atol=1e-4)


@pytest.mark.parametrize("kinds", [*PAIRS, *TRIPLES], ids="+".join)
def test_every_combination(kinds):
    if sum(kind in STATE_SETTERS for kind in kinds) > 1:
        names = [f"{kind}_{i}" for i, kind in enumerate(kinds) if kind in STATE_SETTERS]
        with pytest.raises(ValueError, match="at most one that sets the cell's first state") as e:
            decoder_of(kinds)
        assert str(e.value).endswith(f"Received: conditionings={names}")
        return
    decoder = decoder_of(kinds)
    if kinds[1:2] == ("attribute_attention",) and kinds[0] in CHANGING_THE_WORD:
        with pytest.raises(ValueError, match="must not change the input's width, 4, before"):
            decoder.build(SHAPES)
        return
    check_trains_whole_and_steps_as_it_unrolls(decoder)


@pytest.mark.parametrize("cell", ["peephole_lstm", "gru", "additive_rnn"])
@pytest.mark.parametrize("kind", CONDITIONINGS)
def test_every_kind_with_the_other_cells(kind, cell):
    decoder = decoder_of([kind], cell)
    if kind in CHANGING_THE_WORD and cell == "additive_rnn":
        with pytest.raises(ValueError, match="must keep the step's input at width 5 for"):
            decoder.build(SHAPES)
        return
    check_trains_whole_and_steps_as_it_unrolls(decoder)


@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm"])
def test_both_states_beside_attention(cell):
    kinds = ["init_state", "soft_attention"]
    check_trains_whole_and_steps_as_it_unrolls(decoder_of(kinds, cell, states="both"))


def test_a_tied_output_fits_the_last_width():
    conditionings = tuple(
        ConditioningConfig(kind=kind, embedding="features", width=width)
        for kind, width in (("multimodal_output", 9), ("output_fusion", WORDS))
    )
    config = DecoderConfig(cells=UNITS, word_embedding=WORDS, tie_output=True)
    check_trains_whole_and_steps_as_it_unrolls(Decoder(config, conditionings, VOCAB))


def test_the_output_reads_no_cells_of_the_map():
    decoder = decoder_of(["soft_attention", "output_fusion"])
    decoder.build(SHAPES)
    context = decoder.prepare(outputs_and_ids()[0])
    attention, fusion = decoder._chain.output_context(context, lambda x: x)
    assert attention == {} and set(fusion) == {"image_projection"}
