"""What a model says of a split, and what it is fed where there is nothing to see."""

import dataclasses

import numpy as np
import pytest

from semreg_tf.data import batch
from semreg_tf.data.targets import multi_hot
from semreg_tf.evaluation.predictions import predict, predict_together
from semreg_tf.evaluation.runs.run_evaluator import RunEvaluator


@pytest.fixture(scope="module")
def run(tag_run, demo_data):
    return RunEvaluator(tag_run, demo_data)


def test_one_model_needs_no_ensemble(run):
    split = run.split("test")
    (inputs,) = run.inputs(split)
    annotator = run.ensemble.members[0]
    made = predict(annotator, inputs, run.vocabularies, run.config.decoding, batch_size=5)
    expected = run.predict(split)
    assert made.image_ids == [a.image_id for a in split.annotations]
    assert made.sequences == expected.sequences
    np.testing.assert_allclose(made.scores, expected.scores, rtol=1e-5)
    assert made.concept_probabilities.shape == (8, len(run.vocabularies.concepts))


def test_concepts_alone_feed_the_truth_to_the_decoder(run):
    split = run.split("test")
    (inputs,) = run.inputs(split)
    inputs = dataclasses.replace(inputs, keys=(batch.CONCEPTS, batch.IMAGE_ID))
    made = predict(run.ensemble.members[0], inputs, run.vocabularies, run.config.decoding)
    encoded = split.encoded
    truth = multi_hot(encoded.concepts, encoded.concept_splits, len(run.vocabularies.concepts))
    np.testing.assert_array_equal(made.concept_probabilities, truth)
    assert len(made.sequences) == 8
    assert not np.allclose(made.scores, run.predict(split).scores, rtol=1e-4)


def test_no_sequences_where_none_are_wanted(run):
    split = run.split("test")
    made = predict_together(
        run.ensemble,
        run.inputs(split),
        run.vocabularies,
        run.config.decoding,
        with_sequences=False,
    )
    assert (made.sequences, made.scores) == ([], [])


def test_labels_have_the_decoders_highest_probability_on_its_way(run):
    """The first label that is said has at least the probability that the search gave it."""
    split = run.split("test")
    scores = run.label_scores(split)
    assert scores.shape == (8, len(run.vocabularies.concepts))
    assert (scores >= 0).all() and (scores <= 1).all()
    index = run.vocabularies.concepts.index
    config = dataclasses.replace(run.config.decoding, block_repeats=True)
    annotator = run.ensemble.members[0]
    found = predict(annotator, run.inputs(split)[0], run.vocabularies, config)
    for row, ranked, total in zip(scores, found.sequences, found.scores, strict=True):
        assert all(row[index[label]] >= np.exp(total[0]) * 0.999 for label in ranked[0])
