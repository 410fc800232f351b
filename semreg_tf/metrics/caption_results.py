"""The caption scores in a `results.json`: as decoded, or also reranked.

Where captions were reranked, no scores are called `captions` alone: those before reranking are
`captions_before_reranking`, those after it are under `reranked`. Files written by earlier versions
call the former `captions` in either case.
"""

from collections.abc import Mapping
from typing import Any

from semreg_tf.files.json_files import object_in

_BEFORE = {name: f"{name}_before_reranking" for name in ("captions", "intervals")}


def with_reranked(results: Mapping[str, Any], reranked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns results with the scores before and after reranking, under names that say so.

    Args:
      results: with `captions` and `intervals`, as decoded.
      reranked: what goes under `reranked`: `settings`, and `captions` and `intervals` where there
        are references.
    """
    renamed = {_BEFORE.get(name, name): value for name, value in results.items()}
    return {**renamed, "reranked": dict(reranked)}


def decoded_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the captions as decoded, also of results with reranking."""
    return object_in(results, _BEFORE["captions"]) or object_in(results, "captions")


def decoded_intervals(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the intervals of `decoded_scores`."""
    return object_in(results, _BEFORE["intervals"]) or object_in(results, "intervals")


def reranked_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the reranked captions, or {}."""
    return object_in(object_in(results, "reranked"), "captions")


def last_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the captions that were submitted: reranked, where that was asked."""
    return reranked_scores(results) or decoded_scores(results)
