"""Perplexity of a split's captions under teacher forcing."""

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.metrics.perplexity import corpus_perplexity
from semreg_tf.models.ensemble import Ensemble


@dataclass(frozen=True)
class LikelihoodEvaluator:
    """Computes the perplexity of the reference captions; it returns no rows."""

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Computes the figures of `caption_perplexity`; see `Evaluator.run`."""
        batches = model.batches(split, "perplexity of", *batch.SEQUENCE_KEYS)
        figures = caption_perplexity(model.ensemble, batches, model.vocabularies)
        infinite = any(math.isinf(value) for value in figures.values())
        warnings = (
            ["The perplexity is infinite: the model gives probability 0 to words that occur"]
            if infinite
            else []
        )
        return Evaluation({"captions": figures}, warnings=warnings)


def caption_perplexity(
    ensemble: Ensemble, batches: SplitBatches, vocabularies: Vocabularies
) -> dict[str, Any]:
    """Computes log2 PPL = -(1/L) sum log2 P(w_n | w_<n, I) over all captions of a split.

    The first model's inputs include the sequence keys.

    Returns:
      `perplexity` (END counts as a word), its `log2_perplexity`, `perplexity_without_unknown`
      (targets that are UNK left out of sum and count); and, since only perplexities over one
      vocabulary can be compared, `vocabulary_size`, `unknown_rate` and `num_tokens`.
    """
    unknown_id = vocabularies.output.unknown_id

    @tf.function(input_signature=[batches.spec])
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
    for tensors in batches:
        sums += log_probabilities(tensors)
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
