"""Perplexity of a split's captions under teacher forcing."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.metrics.perplexity import corpus_perplexity
from semreg_tf.models.ensemble import Ensemble


def caption_perplexity(
    ensemble: Ensemble,
    inputs: Sequence[Inputs],
    vocabularies: Vocabularies,
    batch_size: int = 64,
    progress: str | None = None,
) -> dict[str, Any]:
    """Computes log2 PPL = -(1/L) sum log2 P(w_n | w_<n, I) over all captions of a split.

    Args:
      ensemble: the models.
      inputs: of each, on one split: `image` or `features` (or `concepts` alone); of the first the
        sequence keys too.
      vocabularies: the experiment's names.
      batch_size: images at once.
      progress: text of a progress bar, or None.

    Returns:
      `perplexity` (END counts as a word), its `log2_perplexity`, `perplexity_without_unknown`
      (targets that are UNK left out of sum and count), `vocabulary_size`, `unknown_rate` and
      `num_tokens`: perplexities compare at one vocabulary only, so what decides that stands
      beside them.
    """
    unknown_id = vocabularies.output.unknown_id
    dataset = tf.data.Dataset.zip(tuple(evaluation_batches(own, batch_size) for own in inputs))
    spec = tuple(
        {k: v for k, v in own.items() if k != batch.IMAGE_ID} for own in dataset.element_spec
    )

    @tf.function(input_signature=[spec])
    def log_probabilities(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        outputs, first = ensemble.encode(tensors), tensors[0]
        mask = first[batch.PADDING_MASK]
        logits = ensemble.packed_logits(outputs, first[batch.INPUT_IDS], mask)
        targets = tf.boolean_mask(first[batch.TARGET_IDS], mask)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        known = tf.ones_like(losses)
        if unknown_id is not None:
            known = tf.cast(targets != unknown_id, losses.dtype)
        stacked = [losses, known * losses, tf.ones_like(losses), known]
        return tf.stack([tf.reduce_sum(tf.cast(x, tf.float64)) for x in stacked])

    sums = tf.zeros((4,), tf.float64)
    total = -(-inputs[0].split.num_images // batch_size)
    for tensors in tqdm(dataset, total=total, desc=progress, disable=progress is None):
        sums += log_probabilities(
            tuple({k: own[k] for k in names} for names, own in zip(spec, tensors, strict=True))
        )
    loss, known_loss, tokens, known_tokens = sums.numpy().tolist()
    perplexity = corpus_perplexity(-loss, int(tokens))
    return {
        "perplexity": perplexity,
        "log2_perplexity": math.log2(perplexity),
        "perplexity_without_unknown": corpus_perplexity(-known_loss, int(known_tokens)),
        "vocabulary_size": vocabularies.output.size,
        "unknown_rate": 1 - known_tokens / tokens,
        "num_tokens": int(tokens),
    }
