"""Perplexity of a split's captions under teacher forcing."""

from typing import Any

import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.metrics.perplexity import corpus_perplexity
from semreg_tf.models.annotator import Annotator


def caption_perplexity(
    annotator: Annotator, inputs: Inputs, vocabularies: Vocabularies, batch_size: int = 64
) -> dict[str, Any]:
    """Computes log2 PPL = -(1/L) sum log2 P(w_n | w_<n, I) over all captions of a split.

    Args:
      annotator: the models.
      inputs: `image` or `features` (or `concepts` alone) and the sequence keys.
      vocabularies: the experiment's names.
      batch_size: images at once.

    Returns:
      `perplexity` (END counts as a word), `perplexity_without_unknown` (targets that are UNK left
      out of sum and count), `vocabulary_size`, `unknown_rate` and `num_tokens`: perplexities
      compare at one vocabulary only, so what decides that stands beside them.
    """
    unknown_id = vocabularies.output.unknown_id
    given = batch.IMAGE not in inputs.keys and batch.FEATURES not in inputs.keys

    dataset = evaluation_batches(inputs, batch_size)
    spec = {k: v for k, v in dataset.element_spec.items() if k != batch.IMAGE_ID}

    @tf.function(input_signature=[spec])
    def log_probabilities(tensors: dict[str, tf.Tensor]) -> tf.Tensor:
        if given:
            outputs = {"concept_probabilities": tensors[batch.CONCEPTS]}
        else:
            outputs = annotator.encode(tensors)
        mask = tensors[batch.PADDING_MASK]
        logits, _ = annotator.decoder.packed_logits(outputs, tensors[batch.INPUT_IDS], mask)
        targets = tf.boolean_mask(tensors[batch.TARGET_IDS], mask)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        known = tf.ones_like(losses)
        if unknown_id is not None:
            known = tf.cast(targets != unknown_id, losses.dtype)
        stacked = [losses, known * losses, tf.ones_like(losses), known]
        return tf.stack([tf.reduce_sum(tf.cast(x, tf.float64)) for x in stacked])

    sums = tf.zeros((4,), tf.float64)
    for tensors in dataset:
        sums += log_probabilities({k: tensors[k] for k in spec})
    loss, known_loss, tokens, known_tokens = sums.numpy().tolist()
    return {
        "perplexity": corpus_perplexity(-loss, int(tokens)),
        "perplexity_without_unknown": corpus_perplexity(-known_loss, int(known_tokens)),
        "vocabulary_size": vocabularies.output.size,
        "unknown_rate": 1 - known_tokens / tokens,
        "num_tokens": int(tokens),
    }
