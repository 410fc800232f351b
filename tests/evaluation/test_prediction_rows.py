"""Rows of `predictions.jsonl`: the order of labels and of concepts."""

import numpy as np

from semreg_tf.evaluation.prediction_rows import prediction_rows
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun


def test_concepts_and_labels_stand_as_the_report_shows_them(tag_run, demo_data):
    run = EvaluatedRun(tag_run, demo_data)
    split = run.split("test")
    predictions = run.predict(split)
    rows = list(prediction_rows(run, split, predictions))
    counts = dict(
        zip(run.vocabularies.concepts.names, run.vocabularies.concepts.counts, strict=True)
    )
    for row, probabilities in zip(rows, predictions.concept_probabilities, strict=True):
        assert [counts[n] for n in row["labels"]] == sorted(counts[n] for n in row["labels"])
        shown = [p for _, p in row["concepts"]]
        assert shown == sorted(shown, reverse=True)
        np.testing.assert_allclose(shown, np.sort(probabilities)[::-1][: len(shown)], atol=1e-4)
