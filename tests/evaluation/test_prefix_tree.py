"""The tree of sentences gives every sentence back, and each beginning once."""

import numpy as np
import pytest

from semreg_tf.evaluation.prefix_tree import build_prefix_tree

START = 9


def flat(sentences):
    tokens = np.array([t for s in sentences for t in s], np.int32)
    return tokens, np.cumsum([0, *map(len, sentences)])


def sentences_of(tree):
    """Walks every end back to START."""
    found = []
    for level in range(len(tree.end_splits) - 1):
        for row in tree.ends[tree.end_splits[level] : tree.end_splits[level + 1]]:
            words, here = [], row
            for back in range(level, 0, -1):
                node = tree.level_splits[back] + here
                words.append(int(tree.token_ids[node]))
                here = tree.parents[node]
            assert here == 0
            found.append(tuple(reversed(words)))
    return found


@pytest.mark.parametrize(
    "sentences",
    [
        [(1, 2), (1, 3), (1,)],
        [(), (1,), (), (2, 2, 2, 2)],
        [(5, 6), (5, 6), (6, 5)],
        [()],
    ],
)
def test_every_sentence_comes_back_and_equal_ones_share(sentences):
    tree = build_prefix_tree(*flat(sentences), START)
    ends = sentences_of(tree)
    assert [ends[row] for row in tree.sentence_rows] == sentences
    assert len(ends) == len(set(ends))
    assert tree.token_ids[0] == START
    beginnings = {s[:i] for s in sentences for i in range(len(s) + 1)}
    assert len(tree.token_ids) == len(beginnings)


def test_many_random_sentences():
    rng = np.random.default_rng(0)
    sentences = [tuple(rng.integers(0, 3, rng.integers(0, 7)).tolist()) for _ in range(200)]
    tree = build_prefix_tree(*flat(sentences), START)
    ends = sentences_of(tree)
    assert [ends[row] for row in tree.sentence_rows] == sentences
    assert len(tree.token_ids) == len({s[:i] for s in sentences for i in range(len(s) + 1)})
