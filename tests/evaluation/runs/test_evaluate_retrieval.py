"""Whole retrieval evaluations of toy runs: the choice, the scores on disk, resuming, figures."""

import json

import numpy as np
import pytest

from semreg_tf.evaluation import retrieval_evaluator as module
from semreg_tf.evaluation.likelihood_evaluator import caption_perplexity
from semreg_tf.evaluation.retrieval_evaluator import RetrievalEvaluator, choose
from semreg_tf.evaluation.runs.evaluate_retrieval import evaluate_retrieval
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.split_batches import SplitBatches


@pytest.fixture(scope="module")
def evaluated(caption_runs, demo_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("retrieval") / "out"
    return out, evaluate_retrieval(
        caption_runs[0], demo_data, RetrievalEvaluator(num_images=3, marginal_images=4), out=out
    )


def matrices(out):
    found = sorted((np.load(p)[:, 0] for p in (out / "retrieval").glob("*.npy")), key=len)
    return found


def test_results_hold_both_directions_and_chance(evaluated):
    out, results = evaluated
    assert json.loads((out / "retrieval.json").read_text()) == results
    assert (results["num_images"], results["num_sentences"]) == (3, 15)
    assert not results["whole_split"]
    assert results["rows_an_image"] < results["words_of_sentences"]
    by_sentence = results["retrieval"]["image by sentence"]
    assert (by_sentence["num_queries"], by_sentence["num_candidates"]) == (15, 3)
    by_image = results["retrieval"]["sentence by image"]
    assert (by_image["num_queries"], by_image["num_candidates"]) == (3, 15)
    assert results["chance"]["image by sentence"]["R@1"] == pytest.approx(1 / 3)
    assert results["chance"]["image by sentence"]["median_rank"] == 2.0
    assert by_sentence["R@5"] == 1.0


def test_own_captions_scores_add_up_to_the_perplexity(evaluated, caption_runs, demo_data):
    """Two ways to the same sum: the tree, and teacher forcing over padded batches."""
    from semreg_tf.data import batch

    out, _ = evaluated
    run = EvaluatedRun(caption_runs[0], demo_data)
    split = run.split("test")
    chosen = choose(split, 3, None)
    scores, _ = matrices(out)
    own = scores[chosen.owners, np.arange(len(chosen.owners))].astype("float64")

    first = run.split("test[:3]")
    inputs = run.inputs(first, *batch.SEQUENCE_KEYS)
    told = caption_perplexity(run.ensemble, SplitBatches(inputs), run.vocabularies)
    assert np.exp(-own.sum() / told["num_tokens"]) == pytest.approx(told["perplexity"], rel=1e-4)


def test_a_second_call_reads_what_the_first_wrote(evaluated, caption_runs, demo_data, monkeypatch):
    out, results = evaluated

    def forbidden(*_):
        raise AssertionError("scored again")

    monkeypatch.setattr(module.SentenceScorer, "score", forbidden)
    again = evaluate_retrieval(
        caption_runs[0], demo_data, RetrievalEvaluator(num_images=3, marginal_images=4), out=out
    )
    assert again["retrieval"] == results["retrieval"]


def test_an_interrupted_call_goes_on_where_it_stopped(
    caption_runs, demo_data, tmp_path, monkeypatch, evaluated
):
    score, left = module.SentenceScorer.score, [2]

    def interrupted(self, outputs):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return score(self, outputs)

    evaluator = RetrievalEvaluator(num_images=3, marginal_images=4)
    monkeypatch.setattr(module.SentenceScorer, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_retrieval(caption_runs[0], demo_data, evaluator, out=tmp_path)
    left[0] = 1 + 4  # the third image, and the sample
    resumed = evaluate_retrieval(caption_runs[0], demo_data, evaluator, out=tmp_path)
    assert left[0] == 0
    for one, other in zip(matrices(tmp_path), matrices(evaluated[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert resumed["retrieval"] == evaluated[1]["retrieval"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_images": 9}, r"`num_images` must be between 1 and 8 here\. Received: num_images=9"),
        ({"num_images": 3, "num_sentences": 2}, r"`num_sentences` must be between 3 and 15 here"),
        ({"marginal_images": 41}, r"`marginal_images` must be between 1 and 40 here"),
    ],
)
def test_numbers_that_the_data_does_not_have_are_refused(
    options, message, caption_runs, demo_data, tmp_path
):
    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(
            caption_runs[0], demo_data, RetrievalEvaluator(**options), out=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
