"""Scores before and after reranking, from files of today and of earlier versions."""

import pytest

from semreg_tf.metrics import caption_results

SCORES, INTERVALS = {"CIDEr": 0.4, "perplexity": 15.0}, {"CIDEr": [0.3, 0.5]}
RERANKED = {"settings": {}, "captions": {"CIDEr": 0.5}, "intervals": {"CIDEr": [0.4, 0.6]}}
PLAIN = {"task": "captions", "captions": SCORES, "intervals": INTERVALS}
TODAY = caption_results.with_reranked(PLAIN, RERANKED)
EARLIER = {**PLAIN, "reranked": RERANKED}


def test_with_reranked_no_scores_are_called_the_captions_alone():
    assert TODAY == {
        "task": "captions",
        "captions_before_reranking": SCORES,
        "intervals_before_reranking": INTERVALS,
        "reranked": RERANKED,
    }


@pytest.mark.parametrize("results", [TODAY, EARLIER])
def test_both_are_read_from_files_of_every_version(results):
    assert caption_results.decoded_scores(results) == SCORES
    assert caption_results.decoded_intervals(results) == INTERVALS
    assert caption_results.reranked_scores(results) == RERANKED["captions"]
    assert caption_results.last_scores(results) == RERANKED["captions"]


def test_without_reranking_the_decoded_are_the_last():
    assert caption_results.last_scores(PLAIN) == SCORES
    assert caption_results.reranked_scores(PLAIN) == {}
    nothing = caption_results.with_reranked({"captions": {}, "intervals": {}}, {"settings": {}})
    assert caption_results.last_scores(nothing) == caption_results.decoded_intervals(nothing) == {}
    assert caption_results.last_scores({"task": "tags", "captions": None}) == {}
