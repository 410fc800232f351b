"""Sentences as a tree of prefixes, so that a shared prefix is scored once."""

from typing import NamedTuple

import numpy as np


class PrefixTree(NamedTuple):
    """The distinct prefixes of sentences, level after level; level 0 is START alone.

    Attributes:
      token_ids: the last token of each prefix, (nodes,) int32.
      parents: the row, within the level above, of the prefix without its last token, (nodes,)
        int32.
      level_splits: bounds of the levels in both, (levels + 2,) int64; the last is repeated.
      ends: rows, within their level, of the prefixes that are whole sentences, (distinct
        sentences,) int32.
      end_splits: bounds of the levels in `ends`, (levels + 1,) int64.
      sentence_rows: the position of each sentence in `ends`, (sentences,) int64; equal sentences
        share one.
    """

    token_ids: np.ndarray
    parents: np.ndarray
    level_splits: np.ndarray
    ends: np.ndarray
    end_splits: np.ndarray
    sentence_rows: np.ndarray


def build_prefix_tree(tokens: np.ndarray, token_splits: np.ndarray, start_id: int) -> PrefixTree:
    """Builds the prefix tree of sentences, which may be empty.

    Args:
      tokens: token ids of all sentences, concatenated, without START and END, int32.
      token_splits: bounds of the sentences in `tokens`, (sentences + 1,) int64.
      start_id: the id of START.

    Example:
      >>> tree = build_prefix_tree(np.array([4, 5, 4, 6, 4]), np.array([0, 2, 4, 5]), 9)
      >>> tree.token_ids.tolist(), tree.level_splits.tolist(), tree.sentence_rows.tolist()
      ([9, 4, 5, 6], [0, 1, 2, 4, 4], [1, 2, 0])
    """
    lengths = np.diff(token_splits)
    rows = np.zeros(len(lengths), np.int64)
    sentence_rows = np.zeros(len(lengths), np.int64)
    token_ids, parents, sizes = [np.array([start_id])], [np.zeros(1, np.int64)], [1]
    ends: list[np.ndarray] = []
    for level in range(int(lengths.max(initial=0)) + 1):
        finished = np.flatnonzero(lengths == level)
        distinct, index = np.unique(rows[finished], return_inverse=True)
        sentence_rows[finished] = sum(map(len, ends)) + index
        ends.append(distinct)
        longer = np.flatnonzero(lengths > level)
        if not len(longer):
            break
        steps = np.stack([rows[longer], tokens[token_splits[longer] + level]], axis=1)
        children, index = np.unique(steps, axis=0, return_inverse=True)
        rows[longer] = index.reshape(-1)
        parents.append(children[:, 0])
        token_ids.append(children[:, 1])
        sizes.append(len(children))
    return PrefixTree(
        np.concatenate(token_ids).astype(np.int32),
        np.concatenate(parents).astype(np.int32),
        np.cumsum([0, *sizes, 0]),
        np.concatenate(ends).astype(np.int32),
        np.cumsum([0, *map(len, ends)]),
        sentence_rows,
    )
