"""P(w|I) by the tree against one sentence at a time; a model overfitted to pairs finds them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.evaluation.sentence_scorer import Sentences, SentenceScorer
from semreg_tf.metrics.retrieval import retrieval_metrics
from semreg_tf.models.decoder import Decoder
from semreg_tf.models.ensemble import Ensemble

VOCAB, END, IMAGES = 8, 0, 3
MULTIMODAL = DecoderConfig(cell="additive_rnn", cells=5, word_embedding=4, second_embedding=5)
CASES = {
    "init_state": (DecoderConfig(cells=5, word_embedding=4), ConditioningConfig()),
    "step_zero": (
        DecoderConfig(cells=5, word_embedding=4, cell="peephole_lstm"),
        ConditioningConfig(kind="step_zero", embedding="features"),
    ),
    "output_fusion": (
        DecoderConfig(cells=5, word_embedding=4, tie_output=True),
        ConditioningConfig(kind="output_fusion", embedding="features", width=4),
    ),
    "multimodal_output": (
        MULTIMODAL,
        ConditioningConfig(kind="multimodal_output", embedding="features", width=6),
    ),
    "no_image": (MULTIMODAL, ConditioningConfig(kind="multimodal_output", embedding="none")),
    "soft_attention": (
        DecoderConfig(cells=5, word_embedding=4),
        ConditioningConfig(embedding="concepts"),
        ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=6),
        ConditioningConfig(kind="output_fusion", embedding="features", width=3),
    ),
}


def member(case, seed=0):
    return build(*CASES[case], vocab_size=VOCAB, seed=seed)


def build(config, *conditionings, vocab_size, seed=0):
    """What an ensemble needs of an annotator: encoder outputs go in as they are."""
    decoder = Decoder(config, conditionings, vocab_size)
    decoder.build(
        {
            "features": (None, 7),
            "concept_probabilities": (None, 6),
            "spatial_features": (None, 4, 3),
        }
    )
    rng = np.random.default_rng(seed)
    for variable in decoder.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    return SimpleNamespace(decoder=decoder, num_concepts=6, vocab_size=vocab_size)


def encoder_outputs(images=IMAGES):
    rng = np.random.default_rng(5)
    return {
        "features": tf.constant(rng.normal(size=(images, 7)).astype("f")),
        "concept_probabilities": tf.constant(rng.random((images, 6)).astype("f")),
        "spatial_features": tf.constant(rng.normal(size=(images, 4, 3)).astype("f")),
    }


def sentences():
    rng = np.random.default_rng(6)
    made = [rng.integers(1, VOCAB, rng.integers(1, 6)) for _ in range(20)]
    return [*made, made[0], np.array([], int)]


def flat(texts):
    return np.concatenate(texts).astype(np.int32), np.cumsum([0, *map(len, texts)])


def one_by_one(ensemble, outputs, texts):
    """Sum of the log-softmax of each word and of END, by the ensemble's own teacher forcing."""
    scores = np.zeros((IMAGES, len(texts)))
    for j, words in enumerate(texts):
        ids = tf.constant(np.tile([[[VOCAB, *words]]], (IMAGES, 1, 1)), tf.int32)
        mask = tf.ones(ids.shape, tf.bool)
        logits = ensemble.packed_logits(outputs, ids, mask).numpy().astype("float64")
        logits = logits.reshape(IMAGES, len(words) + 1, VOCAB)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        scores[:, j] = sum(logs[:, t, w] for t, w in enumerate([*words, END]))
    return scores


def rows(outputs, i):
    return tuple({k: v[i : i + 1] for k, v in own.items()} for own in outputs)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at_once", [5_000, 7])
def test_scores_are_those_of_one_sentence_at_a_time(case, at_once):
    ensemble = Ensemble([member(case)])
    outputs, texts = (encoder_outputs(),), sentences()
    scorer = SentenceScorer(
        ensemble, Sentences(*flat(texts), VOCAB, END), sentences_at_once=at_once
    )
    got = np.stack([scorer.score(rows(outputs, i)) for i in range(IMAGES)])
    np.testing.assert_allclose(got, one_by_one(ensemble, outputs, texts), rtol=1e-4, atol=1e-4)
    assert scorer.num_rows <= sum(len(s) + 1 for s in texts)
    if case == "no_image":
        np.testing.assert_array_equal(got[0], got[1])


def test_an_ensemble_of_unlike_members_scores_its_mean():
    ensemble = Ensemble([member("init_state"), member("multimodal_output", 1)])
    outputs, texts = (encoder_outputs(),) * 2, sentences()
    scorer = SentenceScorer(ensemble, Sentences(*flat(texts), VOCAB, END))
    got = np.stack([scorer.score(rows(outputs, i)) for i in range(IMAGES)])
    np.testing.assert_allclose(got, one_by_one(ensemble, outputs, texts), rtol=1e-4, atol=1e-4)


def test_bfloat16_is_near():
    ensemble, texts = Ensemble([member("multimodal_output")]), sentences()
    own = rows((encoder_outputs(),), 0)
    full, half = (
        SentenceScorer(ensemble, Sentences(*flat(texts), VOCAB, END), bfloat16_output=b).score(own)
        for b in (False, True)
    )
    assert not np.array_equal(full, half)
    np.testing.assert_allclose(half, full, rtol=0.02, atol=0.1)


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match=r"`token_splits` must bound at least one sentence"):
        SentenceScorer(Ensemble([member("no_image")]), Sentences(np.zeros(0), np.zeros(1), 8, 0))
    bare = SimpleNamespace(decoder=None, num_concepts=6, vocab_size=VOCAB)
    with pytest.raises(ValueError, match=r"`ensemble` must have a decoder"):
        SentenceScorer(Ensemble([bare]), Sentences(np.zeros(1), np.array([0, 1]), 8, 0))


@pytest.mark.parametrize("case", ["multimodal_output", "init_state"])
def test_a_model_overfitted_to_20_pairs_retrieves_all(case):
    pairs, vocab_size = 20, 12
    rng = np.random.default_rng(7)
    texts = [rng.integers(1, vocab_size, 4) for _ in range(pairs)]
    outputs = {
        "features": tf.constant(rng.normal(size=(pairs, 7)).astype("f")),
        "concept_probabilities": tf.constant(rng.random((pairs, 6)).astype("f")),
    }
    config, conditioning = CASES[case]
    second = 32 if config.second_embedding else None
    model = build(
        dataclasses.replace(config, cells=32, second_embedding=second),
        dataclasses.replace(conditioning, width=32),
        vocab_size=vocab_size,
    )
    ids = tf.constant([[[vocab_size, *s]] for s in texts], tf.int32)
    targets = tf.constant([[*s, END] for s in texts])
    optimizer = tf.keras.optimizers.Adam(0.02)
    variables = model.decoder.trainable_variables

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model.decoder(outputs, ids)[:, 0]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    for _ in range(150):
        loss = step()
    assert loss < 0.1
    scorer = SentenceScorer(Ensemble([model]), Sentences(*flat(texts), vocab_size, END))
    scores = np.stack([scorer.score(rows((outputs,), i)) for i in range(pairs)])
    own = np.arange(pairs)
    # Sentences have priors of their own, so they compare after the marginal is taken off.
    normalised = scores - np.log(np.exp(scores.astype("float64")).mean(0))
    assert retrieval_metrics(scores.T, own, own).recalls[1] == 1.0
    assert retrieval_metrics(normalised, own, own).recalls[1] == 1.0
