"""What a model says of a split, and what it is fed where there is nothing to see."""

import dataclasses

import numpy as np
import pytest

from semreg_tf.data import batch
from semreg_tf.data.targets import multi_hot
from semreg_tf.evaluation.predictions import decoder_label_scores, predict
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.split_batches import SplitBatches


@pytest.fixture(scope="module")
def run(tag_run, demo_data):
    return EvaluatedRun(tag_run, demo_data)


def test_concepts_alone_feed_the_truth_to_the_decoder(run):
    split = run.split("test")
    (inputs,) = run.inputs(split)
    inputs = dataclasses.replace(inputs, keys=(batch.CONCEPTS, batch.IMAGE_ID))
    made = predict(run.ensemble, SplitBatches([inputs]), run.vocabularies, run.config.decoding)
    encoded = split.encoded
    truth = multi_hot(encoded.concepts, encoded.concept_splits, len(run.vocabularies.concepts))
    np.testing.assert_array_equal(made.concept_probabilities, truth)
    assert made.image_ids == [a.image_id for a in split.annotations]
    assert len(made.sequences) == 8
    assert not np.allclose(made.scores, run.predict(split).scores, rtol=1e-4)


def test_no_sequences_where_none_are_wanted(run):
    batches = SplitBatches(run.inputs(run.split("test")))
    made = predict(run.ensemble, batches, run.vocabularies, None)
    assert (made.sequences, made.scores) == ([], [])
    assert made.concept_probabilities.shape == (8, len(run.vocabularies.concepts))


def test_labels_have_the_decoders_highest_probability_on_its_way(run):
    """The first label that is said has at least the probability that the search gave it."""
    split = run.split("test")
    scores = run.label_scores(split)
    assert scores.shape == (8, len(run.vocabularies.concepts))
    assert (scores >= 0).all() and (scores <= 1).all()
    index = run.vocabularies.concepts.index
    config = dataclasses.replace(run.config.decoding, block_repeats=True)
    found = predict(run.ensemble, SplitBatches(run.inputs(split)), run.vocabularies, config)
    for row, ranked, total in zip(scores, found.sequences, found.scores, strict=True):
        assert all(row[index[label]] >= np.exp(total[0]) * 0.999 for label in ranked[0])


def test_combined_labels_are_not_the_truth_that_is_fed(run):
    (inputs,) = run.inputs(run.split("test"))
    combined = dataclasses.replace(
        run.config.decoding, method="combined", combine_threshold=0.0, combine_weight=0.1
    )
    found = {
        (keys, config.method): predict(
            run.ensemble,
            SplitBatches([dataclasses.replace(inputs, keys=(keys, batch.IMAGE_ID))]),
            run.vocabularies,
            config,
        ).sequences
        for keys in (batch.CONCEPTS, batch.IMAGE)
        for config in (combined, dataclasses.replace(combined, method="greedy"))
    }
    assert found[batch.CONCEPTS, "combined"] == found[batch.CONCEPTS, "greedy"]
    assert found[batch.IMAGE, "combined"] != found[batch.IMAGE, "greedy"]


def test_label_scores_have_the_shift_of_end(run):
    """A shift of END is the same as another bias of END's output."""
    (annotator,) = run.ensemble.members
    bias = next(
        v for v in annotator.decoder.trainable_variables if v.shape == (annotator.vocab_size,)
    )
    inputs = run.inputs(run.split("test"))

    def scores(end_bias):
        decoding = dataclasses.replace(run.config.decoding, end_bias=end_bias)
        return decoder_label_scores(run.ensemble, SplitBatches(inputs), run.vocabularies, decoding)

    shifted, before = scores(-2.0), bias.numpy()
    assert scores(0.0).mean() < shifted.mean()
    bias.assign(before - 2 * np.eye(len(before), dtype="f")[-1])
    try:
        np.testing.assert_allclose(shifted, scores(0.0), atol=1e-5)
    finally:
        bias.assign(before)
