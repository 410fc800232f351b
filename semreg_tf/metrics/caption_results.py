"""The caption scores in `results.json`, with or without reranking.

With reranking, the scores before it are named `captions_before_reranking` and those after it are
under `reranked`; no scores are named `captions` (earlier versions named the former `captions`).
"""

from collections.abc import Mapping
from typing import Any

from semreg_tf.files.json_files import object_in

_BEFORE = {name: f"{name}_before_reranking" for name in ("captions", "intervals")}


def with_reranked(results: Mapping[str, Any], reranked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns results with the scores before and after reranking.

    Args:
      results: with `captions` and `intervals` of the search.
      reranked: the object for `reranked`: `settings`, and with references `captions` and
        `intervals`.
    """
    renamed = {_BEFORE.get(name, name): value for name, value in results.items()}
    return {**renamed, "reranked": dict(reranked)}


def decoded_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the search's captions, before any reranking."""
    return object_in(results, _BEFORE["captions"]) or object_in(results, "captions")


def decoded_intervals(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the intervals of `decoded_scores`."""
    return object_in(results, _BEFORE["intervals"]) or object_in(results, "intervals")


def reranked_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the reranked captions, or {}."""
    return object_in(object_in(results, "reranked"), "captions")


def last_scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scores of the final captions: the reranked ones if there are any."""
    return reranked_scores(results) or decoded_scores(results)
