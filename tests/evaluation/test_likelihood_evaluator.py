"""Perplexity of captions under teacher forcing, judged word by word in NumPy."""

import dataclasses
import logging

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import batch, input_pipeline
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.input_pipeline import evaluation_batches
from semreg_tf.evaluation.likelihood_evaluator import caption_perplexity
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.sentence_scorer import Sentences, SentenceScorer
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training.phases import find_stage
from semreg_tf.training.stage_data import StageData


@pytest.fixture(scope="module")
def both(caption_runs, demo_data):
    return EvaluatedRun(caption_runs, demo_data)


def step_probabilities(ensemble, run, split, row):
    """The probabilities of every word of an image's captions, as a search would step there."""
    inputs = run.inputs(split)[: len(ensemble.members)]
    tensors = [next(iter(evaluation_batches(own, split.num_images))) for own in inputs]
    one = [{k: v[row : row + 1] for k, v in own.items()} for own in tensors]
    outputs = ensemble.encode(one)
    encoded, words = split.encoded, run.vocabularies.output
    for sequence in range(encoded.sequence_splits[row], encoded.sequence_splits[row + 1]):
        ids = encoded.tokens[encoded.token_splits[sequence] : encoded.token_splits[sequence + 1]]
        step, state, context = ensemble.search_start(outputs)
        last = words.start_id
        for word in [*ids.tolist(), words.end_id]:
            logits, state = step(tf.constant([last]), state, context)
            yield word, tf.nn.softmax(tf.cast(logits, tf.float64)).numpy()[0, word]
            last = word


@pytest.mark.parametrize("number", [1, 2])
def test_perplexity_is_that_of_the_words_one_by_one(number, both):
    split = both.split("test")
    ensemble = Ensemble(both.ensemble.members[:number])
    inputs = both.inputs(split, *batch.SEQUENCE_KEYS)[:number]
    made = caption_perplexity(ensemble, SplitBatches(inputs, 3), both.vocabularies)
    pairs = [
        pair for row in range(split.num_images)
        for pair in step_probabilities(ensemble, both, split, row)
    ]  # fmt: skip
    logs = np.log2([probability for _, probability in pairs])
    known = np.array([word != both.vocabularies.output.unknown_id for word, _ in pairs])
    assert made["num_tokens"] == len(pairs)
    assert made["perplexity"] == pytest.approx(2 ** -logs.mean(), rel=1e-4)
    assert made["log2_perplexity"] == pytest.approx(-logs.mean(), rel=1e-4)
    assert made["perplexity_without_unknown"] == pytest.approx(2 ** -logs[known].mean(), rel=1e-4)
    assert made["unknown_rate"] == pytest.approx(1 - known.mean())
    assert made["vocabulary_size"] == both.vocabularies.output.size


LONG = 60


@pytest.fixture
def long_caption(monkeypatch):
    """Gives every image of a split one caption of 60 tokens, ten more than training reads."""

    def read(folder, split):
        found = read_annotations(folder, split)
        words = [word for a in found for tokens in a.tokens for word in tokens][:LONG]
        return [dataclasses.replace(a, tokens=(tuple(words),)) for a in found]

    monkeypatch.setattr(input_pipeline, "read_annotations", read)


def test_perplexity_and_retrieval_score_long_captions_whole(caption_runs, demo_data, long_caption):
    run = EvaluatedRun(caption_runs[0], demo_data)
    for variable in run.ensemble.members[0].decoder.trainable_variables:
        # The toy run's ReLU cells would grow beyond all bounds over so many words.
        variable.assign(0.3 * variable)
    split = run.split("test")
    assert run.config.data.max_caption_tokens < LONG
    assert np.diff(split.encoded.token_splits).tolist() == [LONG] * split.num_images
    inputs = run.inputs(split, *batch.SEQUENCE_KEYS)
    made = caption_perplexity(run.ensemble, SplitBatches(inputs), run.vocabularies)
    assert made["num_tokens"] == (LONG + 1) * split.num_images
    words = run.vocabularies.output
    sentence = split.encoded.tokens[:LONG]
    scorer = SentenceScorer(
        run.ensemble,
        Sentences(sentence, np.array([0, LONG]), words.start_id, words.end_id),
    )
    scores, stepped = [], []
    for row in range(split.num_images):
        tensors = [
            next(iter(evaluation_batches(own, 1, np.array([row])))) for own in run.inputs(split)
        ]
        scores.append(scorer.score(run.ensemble.encode(tensors))[0])
        pairs = step_probabilities(run.ensemble, run, split, row)
        stepped.append(sum(np.log(probability) for _, probability in pairs))
    np.testing.assert_allclose(scores, stepped, rtol=1e-4)
    mean = -np.mean(scores) / (LONG + 1)
    assert np.log(made["perplexity"]) == pytest.approx(mean, rel=1e-4)


def test_training_cuts_long_captions_and_says_how_many(both, long_caption, caplog):
    caplog.set_level(logging.INFO)
    stage = find_stage(both.config, "joint")
    data = StageData(both.config, stage, both.builder, both.vocabularies)
    assert np.diff(data.train.encoded.token_splits).max() == both.config.data.max_caption_tokens
    assert np.diff(data.validation.encoded.token_splits).max() == LONG
    assert "40 captions of train are longer than 50 tokens: training reads their beg" in caplog.text
