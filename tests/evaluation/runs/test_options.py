"""Options of an evaluation that would have no effect are refused by name."""

import re

import pytest

from semreg_tf.evaluation.runs.options import CaptionOptions, TagOptions

RERANKING = ["decoding.beam_width=5", "reranking.neighbours=9"]


@pytest.mark.parametrize(
    ("options", "unread_by"),
    [(CaptionOptions, "an evaluation without --rerank"), (TagOptions, "an evaluation of tags")],
)
def test_a_reranking_is_not_changed_where_nothing_is_reranked(options, unread_by):
    message = f"reranking.* of {unread_by}, which reranks nothing. Received: --config.reranking.nei"
    with pytest.raises(ValueError, match=re.escape(message)):
        options(overrides=RERANKING)
    options(overrides=RERANKING[:1])


def test_a_reranking_is_changed_where_captions_are_reranked():
    assert CaptionOptions(overrides=RERANKING, rerank=True).overrides == RERANKING
