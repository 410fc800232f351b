"""What all evaluators have in common: a model and a split in, scores and rows out."""

import dataclasses

import pytest

from semreg_tf.evaluation.caption_evaluator import CaptionEvaluator
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.evaluator import Evaluation
from semreg_tf.evaluation.likelihood_evaluator import LikelihoodEvaluator
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun

EVALUATORS = {
    "CIDEr": CaptionEvaluator(num_results=2, metric_options={"meteor": False}),
    "mAP": ConceptEvaluator("mAP"),
    "perplexity": LikelihoodEvaluator(),
}


@pytest.fixture(scope="module")
def run(caption_runs, demo_data):
    return EvaluatedRun(caption_runs[0], demo_data)


@pytest.mark.parametrize("score", EVALUATORS)
def test_each_gives_scores_and_a_row_an_image_or_none(score, run):
    split = run.split("test")
    found = EVALUATORS[score].run(run, split)
    assert found.main is next(iter(found.scores.values()))
    assert found.main[score] >= 0
    rows = list(found.rows())
    assert [row["image_id"] for row in rows] in ([], [a.image_id for a in split.annotations])
    assert {len(row["n_best"]) for row in rows} <= {0, 2}
    for system, intervals in found.intervals().items():
        assert all(
            low <= found.scores[system][name] <= high for name, (low, high) in intervals.items()
        )


def test_captions_without_references_have_rows_and_no_scores(run):
    split = run.split("test")
    bare = [dataclasses.replace(a, captions=(), tokens=()) for a in split.annotations]
    split = dataclasses.replace(split, annotations=bare)
    predictions = run.predict(split)
    evaluator = CaptionEvaluator(needs_references=False)
    found = evaluator.judge(run, split, predictions)
    assert (found.scores, found.main, found.intervals()) == ({}, {}, {})
    assert len(list(found.rows())) == 8 and "no references" in found.warnings[0]
    with pytest.raises(ValueError, match="`split` must hold images with captions"):
        CaptionEvaluator().judge(run, split, predictions)


def test_nothing_scored_has_no_figures():
    assert Evaluation({}).main == {}
    assert list(Evaluation({"ours": {"O-F1": 0.5}}).rows()) == []
