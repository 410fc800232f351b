"""Reranking of a toy run: the features, the neighbours, what evaluation and the grid make of it."""

import json

import numpy as np
import pytest

from semreg_tf.config import RerankingConfig
from semreg_tf.data.text import tokenize
from semreg_tf.evaluation import consensus
from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.runs.options import CaptionOptions
from semreg_tf.metrics.captions import caption_metrics
from semreg_tf.metrics.ngram_similarity import NgramSimilarity
from semreg_tf.reporting.run_files import read_run
from semreg_tf.reporting.score_tables import caption_tables

SETTINGS = {"hypotheses": 4, "neighbours": 3, "best": 5}
OVERRIDES = ["decoding.beam_width=2", *(f"reranking.{k}={v}" for k, v in SETTINGS.items())]


@pytest.fixture(scope="module")
def run(caption_runs, demo_data):
    return EvaluatedRun(caption_runs, demo_data, OVERRIDES)


@pytest.fixture(scope="module")
def evaluated(caption_runs, demo_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("reranked") / "out"
    results = evaluate_captions(
        caption_runs,
        demo_data,
        CaptionOptions(num_pictures=0, overrides=OVERRIDES, out=out, rerank=True, meteor=False),
    )
    return out, results


def test_features_are_what_the_decoders_read_and_are_kept(run, tmp_path, monkeypatch):
    split = run.split("test")
    made = consensus.encoded_features(run, split, tmp_path)
    first = run.ensemble.members[0]
    assert made.shape == (8, 2 * first.feature_size)
    monkeypatch.setattr(run.ensemble, "encode", None)
    np.testing.assert_array_equal(consensus.encoded_features(run, split, tmp_path), made)
    # Not those of the same names with other pictures.
    monkeypatch.setattr(consensus, "content_key", lambda _: {"content": {}})
    with pytest.raises(TypeError, match="NoneType"):
        consensus.encoded_features(run, split, tmp_path)


def test_the_reranked_caption_is_that_of_a_loop_over_everything(run, evaluated, tmp_path):
    out, results = evaluated
    split, train = run.split("test"), run.split("train")
    hypotheses = run.predict(split, 4, beam_width=4)
    own, theirs = (consensus.encoded_features(run, s, tmp_path) for s in (split, train))
    similarity = NgramSimilarity([[tokenize(c) for c in a.captions] for a in train.annotations])
    rows = [json.loads(x) for x in (out / "predictions.jsonl").read_text().splitlines()]
    want = {}
    for i, row in enumerate(rows):
        near = np.argsort(np.linalg.norm(theirs - own[i], axis=1))[:3]
        compared = similarity.compare(hypotheses.sequences[i], near, "cider")
        best = np.argmax([np.mean(sorted(x)[-5:]) for x in compared])
        want[row["image_id"]] = " ".join(hypotheses.sequences[i][best])
        assert row["reranked"] == want[row["image_id"]]
    references = {a.image_id: a.captions for a in split.annotations}
    scores = caption_metrics(references, want, meteor=False).scores
    assert results["reranked"]["captions"] == pytest.approx(scores)
    first = {r["image_id"]: " ".join(s[0]) for r, s in zip(rows, hypotheses.sequences, strict=True)}
    scores = caption_metrics(references, first, meteor=False).scores
    assert results["reranked"]["first_hypotheses"] == pytest.approx(scores)


def test_results_and_submission_and_report_hold_both(evaluated):
    out, results = evaluated
    assert json.loads((out / "results.json").read_text()) == results
    settings = results["reranked"]["settings"]
    assert settings.items() >= {"method": "consensus", "similarity": "cider", **SETTINGS}.items()
    assert set(results["reranked"]["intervals"]) <= set(results["intervals_before_reranking"])
    # Neither is called the captions' scores alone.
    assert not {"captions", "intervals"} & set(results)
    assert results["captions_before_reranking"]["perplexity"] > 1
    rows = [json.loads(x) for x in (out / "predictions.jsonl").read_text().splitlines()]
    submitted = json.loads((out / results["submission"]).read_text())
    assert [x["caption"] for x in submitted] == [x["reranked"] for x in rows]
    assert len(rows[0]["n_best"]) == 2
    tables = "".join(x for t in caption_tables([read_run(out)], ["Ours"]) for x in t.itertext())
    # The perplexity, a table of its own, is that of the captions before.
    counts = [tables.count(f"Ours, {name}") for name in ("before reranking", "reranked")]
    assert counts == [2, 1] and tables.count("Ours") == 3


def test_a_training_image_is_not_its_own_neighbour(run, tmp_path):
    train = run.split("train[:4]")
    found = consensus.Consensus(run, train, 40, tmp_path)._neighbours
    # `train` holds 40 images in all.
    for i, row in enumerate(found):
        assert sorted(row.tolist()) == [j for j in range(40) if j != i]


def test_settings_are_tried_and_the_best_comes_first(run, tmp_path):
    split = run.split("validation")
    settings = consensus.grid(["cider", "bleu"], [1, 3], [2], [5])
    found = consensus.try_settings(run, split, settings, tmp_path)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert {one for one, _ in found} == set(settings)
    # One hypothesis cannot be reranked: both similarities give the beam's first.
    alone = [score for one, score in found if one.hypotheses == 1]
    assert alone[0] == alone[1]
    with pytest.raises(ValueError, match="`settings` must hold at least one"):
        consensus.try_settings(run, split, [], tmp_path)
    with pytest.raises(ValueError, match=r"`similarity` must be 'cider' or 'bleu'.*'rouge'"):
        RerankingConfig(similarity="rouge")
