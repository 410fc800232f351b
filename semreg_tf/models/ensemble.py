"""Ensembles: the mean of several annotators' concept and word probabilities.

Vinyals et al. (2016) and You et al. (2016) report such means; the paper reports single models.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import tensorflow as tf

from semreg_tf.models.annotator import Annotator

Outputs = tuple[dict[str, tf.Tensor], ...]
# Values of `DecodingConfig.ensemble_mean`.
Mean = Literal["probabilities", "log_probabilities"]


def log_mean_softmax(logits: Sequence[tf.Tensor], mean: Mean = "probabilities") -> tf.Tensor:
    """Returns the logarithm of the mean of several softmaxes; its softmax is that mean.

    Args:
      logits: logits of each model, (rows, vocab_size), any float type.
      mean: "probabilities" for the arithmetic mean, "log_probabilities" for the normalised
        geometric mean.

    Returns:
      (rows, vocab_size) float32; for a single model its unchanged logits.
    """
    if len(logits) == 1:
        return tf.cast(logits[0], tf.float32)
    log_probabilities = [tf.nn.log_softmax(tf.cast(x, tf.float32)) for x in logits]
    if mean == "log_probabilities":
        return tf.nn.log_softmax(tf.reduce_mean(tf.stack(log_probabilities), axis=0))
    return tf.reduce_logsumexp(tf.stack(log_probabilities), axis=0) - math.log(len(logits))


class Ensemble:
    """An ensemble of one or more annotators with the same vocabulary.

    Each member has its own inputs, because encoders differ in size and preprocessing.

    Args:
      members: at least one annotator; all of them have a decoder, or none.
      mean: the mean of the word probabilities, see `log_mean_softmax`.

    Raises:
      ValueError: no members, or members that differ in their vocabulary sizes.

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
                "`members` must have equal numbers of concepts and of words, and all or none of "
                f"them a decoder. Received: (concepts, words, decoder)={kinds}"
            )

    @property
    def has_decoder(self) -> bool:
        """Whether the members have decoders."""
        return self.members[0].decoder is not None

    @property
    def reads_image(self) -> bool:
        """Whether any decoder reads an output of the encoder."""
        return any(m.decoder.reads_image for m in self.members)

    def encode(self, inputs: Sequence[dict[str, tf.Tensor]]) -> Outputs:
        """Runs encoder and head of each member.

        Args:
          inputs: the inputs of each member, by the names of `semreg_tf.data.batch`. Without `image`
            and `features`, `concepts` replace the concept probabilities, as in the relational
            stage.
        """
        return tuple(
            member.encode(x)
            if "image" in x or "features" in x
            else {"concept_probabilities": x["concepts"]}
            for member, x in zip(self.members, inputs, strict=True)
        )

    def concept_probabilities(self, outputs: Outputs) -> tf.Tensor:
        """Returns the mean concept probabilities, (batch, num_concepts)."""
        if len(outputs) == 1:
            return outputs[0]["concept_probabilities"]
        each = [tf.cast(x["concept_probabilities"], tf.float32) for x in outputs]
        return tf.reduce_mean(tf.stack(each), axis=0)

    def input_tables(self) -> tuple[tf.Tensor | None, ...]:
        """Returns each decoder's input table for `search_start`, to be reused for many batches."""
        return tuple(m.decoder.input_table() for m in self.members)

    def search_start(
        self,
        outputs: Outputs,
        input_tables: Sequence[tf.Tensor | None] | None = None,
        bfloat16_output: bool = False,
    ) -> tuple[Callable, tuple, tuple]:
        """Returns the inputs of a search: the step function, the first states and the contexts.

        The tables are those of `input_tables`, to be computed once for many batches.
        """
        tables = input_tables or (None,) * len(self.members)
        starts = [
            m.search_start(x, table, bfloat16_output)
            for m, x, table in zip(self.members, outputs, tables, strict=True)
        ]
        steps, states, contexts = zip(*starts, strict=True)

        def step(token_ids: tf.Tensor, states: tuple, contexts: tuple) -> tuple[tf.Tensor, tuple]:
            results = [
                member_step(token_ids, state, context)
                for member_step, state, context in zip(steps, states, contexts, strict=True)
            ]
            logits, new_states = zip(*results, strict=True)
            return log_mean_softmax(logits, self.mean), new_states

        return step, states, contexts

    def packed_logits(
        self, outputs: Outputs, input_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> tf.Tensor:
        """Returns the logits at real targets under teacher forcing, averaged as in a search.

        Returns:
          Logits (tokens, vocab_size) float32, in the order of `tf.where(padding_mask)`.
        """
        return log_mean_softmax(
            [
                member.decoder.packed_logits(x, input_ids, padding_mask)[0]
                for member, x in zip(self.members, outputs, strict=True)
            ],
            self.mean,
        )
