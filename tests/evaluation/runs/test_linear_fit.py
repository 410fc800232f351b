"""Linear reranking of a toy run: fitted on validation alone, kept beside the run, used again."""

import json

import numpy as np
import pytest

from semreg_tf.evaluation import linear_reranking
from semreg_tf.evaluation.runs import linear_fit
from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.runs.options import CaptionOptions

OVERRIDES = [
    "decoding.beam_width=2",
    "reranking.method=linear",
    "reranking.hypotheses=4",
    "reranking.fitted_to=CIDEr",
    "reranking.detected_from=0.2",
]


@pytest.fixture(scope="module")
def evaluated(caption_runs, demo_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("linear") / "out"
    results = evaluate_captions(
        caption_runs[0],
        demo_data,
        CaptionOptions(num_pictures=0, overrides=OVERRIDES, out=out, rerank=True, meteor=False),
    )
    yield out, results
    (caption_runs[0] / linear_fit.WEIGHTS_FILE).unlink()


def test_the_given_caption_has_the_highest_weighted_sum(evaluated, caption_runs, demo_data):
    out, results = evaluated
    run = EvaluatedRun(caption_runs[0], demo_data, OVERRIDES)
    found = run.predict(run.split("test"), 4, beam_width=4)
    weights = results["reranked"]["fitted"]["weights"]
    rows = [json.loads(x) for x in (out / "predictions.jsonl").read_text().splitlines()]
    for i, row in enumerate(rows):
        figures = linear_reranking.quantities(
            found.sequences[i],
            found.scores[i],
            run.vocabularies.concept_ids,
            found.concept_probabilities[i],
            0.2,
        )
        sums = [sum(f * w for f, w in zip(own, weights.values(), strict=True)) for own in figures]
        assert row["reranked"] == " ".join(found.sequences[i][int(np.argmax(sums))])
    assert set(weights) == set(linear_reranking.QUANTITIES)


def test_weights_are_fitted_on_validation_and_kept(evaluated, caption_runs, demo_data, monkeypatch):
    _, results = evaluated
    fitted = results["reranked"]["fitted"]
    assert fitted["split"] == "validation" and fitted["metric"] == "CIDEr"
    assert fitted["value"] >= fitted["value_before"]
    kept = json.loads((caption_runs[0] / linear_fit.WEIGHTS_FILE).read_text())
    assert kept == fitted
    assert kept["made_with"]["content"] == EvaluatedRun(caption_runs[0], demo_data).contents
    run = EvaluatedRun(caption_runs[0], demo_data, OVERRIDES)
    again = linear_fit._fit(run)
    assert again["weights"] == kept["weights"]
    # The value is the metric of the captions that the weights choose there.
    split = run.split("validation")
    _, ordered, _ = linear_fit._reranked(run, split, kept)
    scores = linear_fit.scoring.caption_scores(ordered, split, meteor=False).scores
    assert kept["value"] == pytest.approx(scores["CIDEr"])
    monkeypatch.setattr(linear_fit, "_fit", None)
    assert linear_fit.fitted_weights(run) == kept


@pytest.mark.parametrize(
    "override",
    [
        "reranking.fitted_to=BLEU-4",
        "decoding.end_bias=-1",
        "decoding.block_unknown=true",
        "decoding.ensemble_mean=log_probabilities",
        "image.test_views=2",
    ],
)
def test_another_setting_is_fitted_anew(override, evaluated, caption_runs, demo_data, monkeypatch):
    monkeypatch.setattr(linear_fit, "_fit", lambda run: {"weights": {}})
    monkeypatch.setattr(linear_fit, "write_json", lambda path, values: None)
    other = EvaluatedRun(caption_runs[0], demo_data, [*OVERRIDES, override])
    assert linear_fit.fitted_weights(other)["weights"] == {}


def test_weights_for_true_concepts_are_not_those_for_the_images(
    evaluated, caption_runs, demo_data, monkeypatch
):
    monkeypatch.setattr(linear_fit, "_fit", lambda run: {"weights": {}})
    monkeypatch.setattr(linear_fit, "write_json", lambda path, values: None)
    bound = EvaluatedRun(caption_runs[0], demo_data, OVERRIDES, true_concepts=True)
    assert linear_fit.fitted_weights(bound)["weights"] == {}


def test_other_weights_of_the_same_step_are_fitted_anew(
    evaluated, caption_runs, demo_data, monkeypatch
):
    monkeypatch.setattr(linear_fit, "_fit", lambda run: {"weights": {}})
    monkeypatch.setattr(linear_fit, "write_json", lambda path, values: None)
    run = EvaluatedRun(caption_runs[0], demo_data, OVERRIDES)
    run.checkpoints = [{**run.checkpoints[0], "sha256": "of other weights"}]
    assert linear_fit.fitted_weights(run)["weights"] == {}


def test_the_split_that_is_fitted_on_is_not_judged(caption_runs, demo_data):
    run = EvaluatedRun(caption_runs[0], demo_data, OVERRIDES)
    with pytest.raises(ValueError, match="`split` must not be the validation split where captions"):
        linear_fit.reranked(run, run.split("validation"))
