"""Probabilities P(w|I) of many sentences given many images, in bounded memory.

Sentences are scored as a tree of prefixes, so a shared prefix is computed once; a part of the
decoder that does not read the image is computed once for all images.
"""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from semreg_tf.decoding.step_function import any_batch
from semreg_tf.evaluation.prefix_tree import PrefixTree, build_prefix_tree
from semreg_tf.models.ensemble import Ensemble, Outputs, log_mean_softmax

SENTENCES_AT_ONCE = 5_000
# With attention each row holds all cells of the CNN's spatial features.
SENTENCES_AT_ONCE_WITH_MAP = 250


class Sentences(NamedTuple):
    """Sentences as token ids.

    Attributes:
      tokens: token ids of all sentences, concatenated, without START and END, int32.
      token_splits: bounds of the sentences in `tokens`, (sentences + 1,) int64.
      start_id: the id of START.
      end_id: the id of END, which counts as a word.
    """

    tokens: np.ndarray
    token_splits: np.ndarray
    start_id: int
    end_id: int


class SentenceScorer:
    """Scores the same sentences for one image after another.

    Args:
      ensemble: the models.
      sentences: the sentences to score.
      bfloat16_output: whether word scores are computed in bfloat16: 0.7 to 0.8 of the time on a
        CPU with bfloat16 instructions; log-probabilities of words change by 0.002 to 0.015
        (measured).
      sentences_at_once: sentences in one tree; memory grows with it times the vocabulary, and,
        with attention, times the CNN's spatial features. None: 5,000, or 250 with attention.

    Raises:
      ValueError: there are no sentences, or the ensemble has no decoder.

    Example:
      >>> scorer = SentenceScorer(ensemble, Sentences(tokens, splits, start_id=10, end_id=0))
      >>> scorer.score(ensemble.encode([{"features": features[:1]}]))
      array([-31.2, -40.7], dtype=float32)
    """

    def __init__(
        self,
        ensemble: Ensemble,
        sentences: Sentences,
        *,
        bfloat16_output: bool = False,
        sentences_at_once: int | None = None,
    ) -> None:
        if len(sentences.token_splits) < 2:
            raise ValueError("`token_splits` must bound at least one sentence. Received: none")
        if not ensemble.has_decoder:
            raise ValueError("`ensemble` must have a decoder to score sentences. Received: none")
        self._ensemble, self._end_id = ensemble, sentences.end_id
        self._decoders = [m.decoder for m in ensemble.members]
        if sentences_at_once is None:
            with_map = any(d.reads_state for d in self._decoders)
            sentences_at_once = SENTENCES_AT_ONCE_WITH_MAP if with_map else SENTENCES_AT_ONCE
        self._tables = ensemble.input_tables()
        dtype = tf.bfloat16 if bfloat16_output else None
        self._weights = [d.output_weights(dtype) if dtype else None for d in self._decoders]
        self._order, trees = _trees(sentences, sentences_at_once)
        # The trees as tensors, and the rows of their sentences.
        self._trees = [
            (PrefixTree(*(tf.constant(x, tf.int32) for x in tree)), tree.sentence_rows)
            for tree in trees
        ]
        self._advance = tf.function(self._advance_all, reduce_retracing=True)
        self._score = tf.function(self._score_tree, reduce_retracing=True)
        self._projected = [self._project_without_image(tree) for tree, _ in self._trees]
        self._scores_without_image: np.ndarray | None = None

    @property
    def num_rows(self) -> int:
        """Rows scored for an image: distinct prefixes of sentences."""
        return sum(int(tree.token_ids.shape[0]) for tree, _ in self._trees)

    def score(self, outputs: Outputs) -> np.ndarray:
        """Returns log P(w|I) of every sentence, END included, (sentences,) float32.

        `outputs` is the output of `Ensemble.encode` for one image.
        """
        if self._scores_without_image is not None:
            return self._scores_without_image
        contexts = [d.prepare(x) for d, x in zip(self._decoders, outputs, strict=True)]
        states = tuple(
            d.initial_state(context, 1) for d, context in zip(self._decoders, contexts, strict=True)
        )
        by_tree = []
        for (tree, rows), projected in zip(self._trees, self._projected, strict=True):
            by_tree.append(self._score(tree, projected, states, tuple(contexts)).numpy()[rows])
        scores = np.empty(len(self._order), np.float32)
        scores[self._order] = np.concatenate(by_tree)
        if not self._ensemble.reads_image:
            self._scores_without_image = scores
        return scores

    def _project_without_image(self, tree: PrefixTree) -> tuple[tf.Tensor | None, ...]:
        """Returns each decoder's `project_output` of all prefixes; None if it reads the image."""
        return tuple(
            None if decoder.state_reads_image else self._advance(tree, i)
            for i, decoder in enumerate(self._decoders)
        )

    def _advance_all(self, tree: PrefixTree, member: int) -> tf.Tensor:
        """Returns one decoder's `project_output` of all prefixes, (nodes, p)."""
        decoder, table = self._decoders[member], self._tables[member]
        state = decoder.cell.zero_state(1)
        levels = tf.shape(tree.end_splits)[0] - 1
        out = tf.TensorArray(
            decoder.compute_dtype, levels, infer_shape=False, element_shape=(None, None)
        )

        def body(level: tf.Tensor, state: tuple, out: tf.TensorArray) -> tuple:
            tokens, parents = _level(tree, level)
            state = tf.nest.map_structure(lambda x: tf.gather(x, parents), state)
            hidden, words, state = decoder.advance(tokens, state, (), table)
            return level + 1, state, out.write(level, decoder.project_output(hidden, words))

        *_, out = tf.while_loop(
            lambda level, *_: level < levels,
            body,
            (0, state, out),
            shape_invariants=(tf.TensorShape([]), any_batch(state), tf.TensorShape(None)),
        )
        return out.concat()

    def _score_tree(
        self,
        tree: PrefixTree,
        projected: tuple[tf.Tensor | None, ...],
        states: tuple[tuple[tf.Tensor, ...], ...],
        contexts: tuple,
    ) -> tf.Tensor:
        """Returns log-probabilities of the tree's distinct sentences, in the order of `ends`."""
        levels = tf.shape(tree.end_splits)[0] - 1

        def body(level: tf.Tensor, states: tuple, sums: tf.Tensor, scores: tf.Tensor) -> tuple:
            tokens, parents = _level(tree, level)
            logits, new_states = [], []
            for i in range(len(self._decoders)):
                state = tf.nest.map_structure(lambda x: tf.gather(x, parents), states[i])
                context = tf.nest.map_structure(
                    lambda x: tf.repeat(x, tf.size(tokens), axis=0), contexts[i]
                )
                member_logits, state = self._logits(i, tree, level, state, context, projected[i])
                logits.append(member_logits)
                new_states.append(state)
            mean_logits = log_mean_softmax(logits)
            edges, num_children = self._edges(tree, level)
            edge_sums = tf.gather_nd(mean_logits, edges) + tf.gather(
                sums - tf.reduce_logsumexp(mean_logits, axis=-1), edges[:, 0]
            )
            scores = tf.concat([scores, edge_sums[num_children:]], 0)
            return level + 1, tuple(new_states), edge_sums[:num_children], scores

        sums, scores = tf.zeros((1,)), tf.zeros((0,))
        *_, scores = tf.while_loop(
            lambda level, *_: level < levels,
            body,
            (0, states, sums, scores),
            shape_invariants=(tf.TensorShape([]), *any_batch((states, sums, scores))),
        )
        return scores

    def _logits(
        self,
        member: int,
        tree: PrefixTree,
        level: tf.Tensor,
        state: tuple[tf.Tensor, ...],
        context: tuple,
        projected: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Returns logits of the word after each prefix of a level, and the new states.

        With `projected`, the output of `_advance_all`, the states are not used and do not change.
        """
        decoder, (tokens, _) = self._decoders[member], _level(tree, level)
        if projected is None:
            hidden, words, state = decoder.advance(tokens, state, context, self._tables[member])
            projected = decoder.project_output(hidden, words)
        else:
            words = decoder.words(tokens)
            projected = projected[tree.level_splits[level] : tree.level_splits[level + 1]]
        return decoder.fused_logits(projected, words, context, self._weights[member]), state

    def _edges(self, tree: PrefixTree, level: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (row of prefix, next word): the level's children, then its ends with END."""
        tokens, parents = _level(tree, level + 1)
        ends = tree.ends[tree.end_splits[level] : tree.end_splits[level + 1]]
        rows = tf.concat([parents, ends], 0)
        words = tf.concat([tokens, tf.fill(tf.shape(ends), self._end_id)], 0)
        return tf.stack([rows, words], axis=1), tf.size(parents)


def _trees(all_sentences: Sentences, sentences_at_once: int) -> tuple[np.ndarray, list[PrefixTree]]:
    """Returns the sorted order of the sentences, and the trees of consecutive blocks of them."""
    bounds = itertools.pairwise(np.asarray(all_sentences.token_splits))
    sentences = [all_sentences.tokens[a:b] for a, b in bounds]
    order = np.array(sorted(range(len(sentences)), key=lambda i: sentences[i].tolist()))
    trees = []
    for start in range(0, len(order), sentences_at_once):
        block = [sentences[i] for i in order[start : start + sentences_at_once]]
        splits = np.cumsum([0, *map(len, block)])
        trees.append(build_prefix_tree(np.concatenate(block), splits, all_sentences.start_id))
    return order, trees


def _level(tree: PrefixTree, level: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    first, last = tree.level_splits[level], tree.level_splits[level + 1]
    return tree.token_ids[first:last], tree.parents[first:last]
