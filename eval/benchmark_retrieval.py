"""Times log P(w|I) of many sentences for an image, with and without sharing their prefixes.

Ours scores the prefix tree of the sentences, so a shared prefix costs one row. The plain way
unrolls the decoder over all sentences, padded, a hundred at a time. The limit is the matrix
products of the tree's rows. Weights and sentences are random.

    python -m eval.benchmark --part=retrieval
"""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.synthetic_batches import (
    EXPERIMENT,
    VOCAB_SIZE,
    caption_batch,
    captions,
    decoder_products,
    training_step,
)
from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.data.targets import shift
from semreg_tf.evaluation.sentence_scorer import Sentences, SentenceScorer
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble

START, END, AT_ONCE = VOCAB_SIZE, VOCAB_SIZE - 1, 100


def contests(num_sentences: int = 1000) -> Iterator[Contest]:
    """Yields the contest of one image and random sentences."""
    config = experiments.get(EXPERIMENT)
    _, annotator = training_step(config, "relational")
    words = captions(num_sentences, np.random.default_rng(0))
    splits = np.cumsum([0, *map(len, words)])
    sentences = Sentences(np.concatenate(words).astype(np.int32), splits, START, END)
    ensemble = Ensemble([annotator])
    scorer = SentenceScorer(ensemble, sentences)
    outputs = ensemble.encode([{batch.CONCEPTS: caption_batch(1, 1)[batch.CONCEPTS]}])
    plain = plain_scores(annotator, words)
    np.testing.assert_allclose(scorer.score(outputs), plain(outputs[0]), rtol=1e-3)
    products = decoder_products(scorer.num_rows, config.decoder.cells, VOCAB_SIZE)
    ways = [
        Contender("every sentence from its start", lambda _: _done(plain(outputs[0])), INSTEAD),
        Contender("ours, a tree of beginnings", lambda _: _done(scorer.score(outputs))),
        Contender("its matrix products alone", products, LIMIT),
    ]
    yield Contest(f"one image, {num_sentences:,} sentences", "sentence", num_sentences, ways)


def plain_scores(
    annotator: Annotator, words: list[np.ndarray]
) -> Callable[[dict[str, tf.Tensor]], np.ndarray]:
    """Returns a function from an image's outputs to log P(w|I), float32 (sentences,)."""
    batches = [shift(words[i : i + AT_ONCE], START, END) for i in range(0, len(words), AT_ONCE)]

    @tf.function(reduce_retracing=True)
    def score(outputs: dict, inputs: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        logits = annotator.decoder(outputs, inputs[None])[0]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return -tf.reduce_sum(tf.where(mask, losses, 0.0), axis=1)

    return lambda outputs: np.concatenate(
        [score(outputs, *map(tf.constant, arrays)).numpy() for arrays in batches]
    )


def _done(_: object) -> None:
    """Discards a result."""
