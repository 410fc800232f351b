"""Perplexity of captions under teacher forcing, judged word by word in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import evaluation_batches
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training.likelihood import caption_perplexity
from semreg_tf.training.run_evaluator import RunEvaluator


@pytest.fixture(scope="module")
def both(caption_runs, demo_data):
    return RunEvaluator(caption_runs, demo_data)


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
    made = caption_perplexity(ensemble, inputs, both.vocabularies, batch_size=3)
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
