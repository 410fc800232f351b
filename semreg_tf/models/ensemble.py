"""Several annotators as one: probabilities averaged, of the concepts and of the word at each step.

NICv2 and ATT were ensembled so; the paper's own figures are of single models.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import tensorflow as tf

from semreg_tf.models.annotator import Annotator

Outputs = tuple[dict[str, tf.Tensor], ...]
# `DecodingConfig.ensemble_mean`.
Mean = Literal["probabilities", "log_probabilities"]


def log_mean_softmax(logits: Sequence[tf.Tensor], mean: Mean = "probabilities") -> tf.Tensor:
    """Returns the logarithm of the mean of softmaxes, which is its own logits.

    Args:
      logits: of each model, (rows, vocab_size) each, any float type.
      mean: of what: with "log_probabilities" their geometric mean, normalised.

    Returns:
      (rows, vocab_size) float32; of one model its logits as they are.
    """
    if len(logits) == 1:
        return tf.cast(logits[0], tf.float32)
    log_probabilities = [tf.nn.log_softmax(tf.cast(x, tf.float32)) for x in logits]
    if mean == "log_probabilities":
        return tf.nn.log_softmax(tf.reduce_mean(tf.stack(log_probabilities), axis=0))
    return tf.reduce_logsumexp(tf.stack(log_probabilities), axis=0) - math.log(len(logits))


class Ensemble:
    """Models of one vocabulary whose probabilities are averaged; a single model is allowed.

    Each reads inputs of its own, for encoders differ in what they are fed.

    Args:
      members: at least one; all with a decoder, or none.
      mean: of the words' probabilities, or of their logarithms.

    Raises:
      ValueError: no model, or models that cannot be averaged.

    Example:
      >>> ensemble = Ensemble([first, second])
      >>> outputs = ensemble.encode([{"image": images}, {"image": larger_images}])
      >>> step, state, context = ensemble.search_start(outputs)
    """

    def __init__(self, members: Sequence[Annotator], mean: Mean = "probabilities") -> None:
        self.members, self.mean = tuple(members), mean
        if not self.members:
            raise ValueError("`members` must hold at least one model. Received: members=[]")
        kinds = [(m.num_concepts, m.vocab_size, m.decoder is not None) for m in self.members]
        if len(set(kinds)) > 1:
            raise ValueError(
                "`members` must have equal numbers of concepts and of words, and a decoder all or "
                f"none. Received: (concepts, words, decoder)={kinds}"
            )

    @property
    def has_decoder(self) -> bool:
        """Whether there are sequences to search for."""
        return self.members[0].decoder is not None

    @property
    def reads_image(self) -> bool:
        """Whether any decoder reads something of the image."""
        return any(m.decoder.reads_image for m in self.members)

    def encode(self, inputs: Sequence[dict[str, tf.Tensor]]) -> Outputs:
        """Runs encoder and head of each model.

        Args:
          inputs: of each model, by the contract's names; `concepts` without `image` or
            `features` stands in for the concept probabilities, as in the relational stage.

        Returns:
          The outputs of each.
        """
        return tuple(
            member.encode(own)
            if "image" in own or "features" in own
            else {"concept_probabilities": own["concepts"]}
            for member, own in zip(self.members, inputs, strict=True)
        )

    def concept_probabilities(self, outputs: Outputs) -> tf.Tensor:
        """Returns the mean concept probabilities, (batch, num_concepts)."""
        if len(outputs) == 1:
            return outputs[0]["concept_probabilities"]
        own = [tf.cast(x["concept_probabilities"], tf.float32) for x in outputs]
        return tf.reduce_mean(tf.stack(own), axis=0)

    def input_tables(self) -> tuple[tf.Tensor | None, ...]:
        """Returns each decoder's input table, for `search_start`; made once for many batches."""
        return tuple(m.decoder.input_table() for m in self.members)

    def search_start(
        self,
        outputs: Outputs,
        input_tables: Sequence[tf.Tensor | None] | None = None,
        bfloat16_output: bool = False,
    ) -> tuple[Callable, tuple, tuple]:
        """Returns what a search reads: the step function, the first states and the contexts.

        Args:
          outputs: of `encode`.
          input_tables: of `input_tables`, or None.
          bfloat16_output: whether words are scored in bfloat16.
        """
        tables = input_tables or (None,) * len(self.members)
        starts = [
            m.search_start(x, table, bfloat16_output)
            for m, x, table in zip(self.members, outputs, tables, strict=True)
        ]
        steps, states, contexts = zip(*starts, strict=True)

        def step(token_ids: tf.Tensor, states: tuple, contexts: tuple) -> tuple[tf.Tensor, tuple]:
            made = [
                own(token_ids, state, context)
                for own, state, context in zip(steps, states, contexts, strict=True)
            ]
            logits, new_states = zip(*made, strict=True)
            return log_mean_softmax(logits, self.mean), new_states

        return step, states, contexts

    def packed_logits(
        self, outputs: Outputs, input_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> tf.Tensor:
        """Scores the real targets under teacher forcing, averaged as in a search.

        Args:
          outputs: of `encode`.
          input_ids: (batch, captions, time) int32.
          padding_mask: (batch, captions, time) bool.

        Returns:
          Logits (tokens, vocab_size) float32, in the order of `tf.where(padding_mask)`.
        """
        return log_mean_softmax(
            [
                member.decoder.packed_logits(own, input_ids, padding_mask)[0]
                for member, own in zip(self.members, outputs, strict=True)
            ],
            self.mean,
        )
