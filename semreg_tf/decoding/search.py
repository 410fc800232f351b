"""Greedy and beam search behind one interface, set by a decoding config."""

import dataclasses
from typing import Any

import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.beam_expansion import BeamResults
from semreg_tf.decoding.beam_search import BeamSearch
from semreg_tf.decoding.greedy import GreedySearch
from semreg_tf.decoding.step_function import (
    StepFunction,
    as_tensors,
    batch_size,
    without_emitted,
)


@dataclasses.dataclass(frozen=True)
class Search:
    """Decodes by `config.method` (Sec. 3.3: greedy for tags, beam width three for captions).

    Attributes:
      config: the method and its settings.
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      unknown_id: the id of words outside the vocabulary, which `config.block_unknown` masks.
      num_results: sequences per image; None: the beam width. Greedy search returns one.
      drop_finished: whether beam search stops expanding finished images; the results are the same.

    Example:
      >>> search = Search(DecodingConfig(), start_id=words.start_id, end_id=words.end_id)
      >>> search(*annotator.search_start(outputs)).token_ids
    """

    config: DecodingConfig
    _: dataclasses.KW_ONLY
    start_id: int
    end_id: int
    unknown_id: int | None = None
    num_results: int | None = None
    drop_finished: bool = True

    def __call__(self, step_fn: StepFunction, initial_state: Any, context: Any) -> BeamResults:
        """Searches a batch, as `BeamSearch`; greedy search gives one result per image."""
        config = self.config
        if config.block_unknown and self.unknown_id is not None:
            step_fn = shifted(step_fn, self.unknown_id, float("-inf"))
        if config.end_bias:
            step_fn = shifted(step_fn, self.end_id, config.end_bias)
        if config.method == "beam":
            if config.block_repeats:
                step_fn, initial_state = _without_repeats(
                    step_fn, initial_state, context, config.max_steps
                )
            beam = BeamSearch(
                start_id=self.start_id,
                end_id=self.end_id,
                max_steps=config.max_steps,
                beam_width=config.beam_width,
                length_normalisation=config.length_normalisation,
                num_results=self.num_results,
                drop_finished=self.drop_finished,
            )
            return beam(step_fn, initial_state, context)
        greedy = GreedySearch(
            start_id=self.start_id,
            end_id=self.end_id,
            max_steps=config.max_steps,
            block_repeats=config.block_repeats,
        )
        decoded = greedy(step_fn, initial_state, context)
        fields = {name: tf.expand_dims(value, 1) for name, value in decoded._asdict().items()}
        return BeamResults(scores=fields["log_probabilities"], **fields)


def shifted(step_fn: StepFunction, token_id: int, amount: float) -> StepFunction:
    """Returns a step function that adds `amount` to the logit of one token."""

    def step(token_ids: tf.Tensor, state: Any, context: Any) -> tuple[tf.Tensor, Any]:
        logits, state = step_fn(token_ids, state, context)
        shift = tf.one_hot(token_id, tf.shape(logits)[-1], amount, 0.0, dtype=logits.dtype)
        return logits + shift, state

    return step


def _without_repeats(
    step_fn: StepFunction, initial_state: Any, context: Any, max_steps: int
) -> tuple[StepFunction, Any]:
    """Returns a step function that repeats no token of its hypothesis, and its first state.

    The state also holds the emitted tokens, so that they are gathered with the hypotheses.
    """
    rows = batch_size(*as_tensors((initial_state, context)))
    no_tokens, before_start = tf.fill([rows, max_steps], -1), tf.fill([rows], -1)

    def step(token_ids: tf.Tensor, state: Any, context: Any) -> tuple[tf.Tensor, Any]:
        inner, emitted, position = state
        # START has the position -1, so it is not stored.
        is_position = tf.range(max_steps)[None] == position[:, None]
        emitted = tf.where(is_position, token_ids[:, None], emitted)
        logits, inner = step_fn(token_ids, inner, context)
        logits = without_emitted(tf.cast(logits, tf.float32), emitted)
        return logits, (inner, emitted, position + 1)

    return step, (initial_state, no_tokens, before_start)
