"""One door to both searches: a decoding config in, n-best sequences out."""

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
    """Decodes as `config.method` says (Sec. 3.3: greedy for tags, beam of three for captions).

    Attributes:
      config: the method and its settings.
      start_id: fed at the first step.
      end_id: ends a sequence.
      unknown_id: stands for all words outside the vocabulary; read with `config.block_unknown`.
      num_results: sequences an image; None: the beam width. Greedy search gives one.
      drop_finished: beam search expands no image that is done; the results are the same.

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
        """Searches a batch.

        Args:
          step_fn: the model, see `semreg_tf.decoding.step_function`.
          initial_state: nested structure of tensors (batch, ...).
          context: nested structure of tensors (batch, ...), or ().

        Returns:
          A `BeamResults`; of greedy search, with one result an image.
        """
        config = self.config
        if config.block_unknown and self.unknown_id is not None:
            step_fn = _shifted(step_fn, self.unknown_id, float("-inf"))
        if config.end_bias:
            step_fn = _shifted(step_fn, self.end_id, config.end_bias)
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
        found = greedy(step_fn, initial_state, context)
        one = {name: tf.expand_dims(value, 1) for name, value in found._asdict().items()}
        return BeamResults(scores=one["log_probabilities"], **one)


def _shifted(step_fn: StepFunction, token_id: int, amount: float) -> StepFunction:
    """Returns a step that adds `amount` to the score of one token; the others share the rest."""

    def step(token_ids: tf.Tensor, state: Any, context: Any) -> tuple[tf.Tensor, Any]:
        logits, state = step_fn(token_ids, state, context)
        shift = tf.one_hot(token_id, tf.shape(logits)[-1], amount, 0.0, dtype=logits.dtype)
        return logits + shift, state

    return step


def _without_repeats(
    step_fn: StepFunction, initial_state: Any, context: Any, max_steps: int
) -> tuple[StepFunction, Any]:
    """Returns a step that gives no token of its hypothesis again, and its first state.

    The state holds beside the model's own the tokens so far, so that it follows the hypotheses.
    """
    rows = batch_size(*as_tensors((initial_state, context)))
    nothing, before_start = tf.fill([rows, max_steps], -1), tf.fill([rows], -1)

    def step(token_ids: tf.Tensor, state: Any, context: Any) -> tuple[tf.Tensor, Any]:
        inner, emitted, place = state
        # START, the first token, stands before the first place.
        here = tf.range(max_steps)[None] == place[:, None]
        emitted = tf.where(here, token_ids[:, None], emitted)
        logits, inner = step_fn(token_ids, inner, context)
        logits = without_emitted(tf.cast(logits, tf.float32), emitted)
        return logits, (inner, emitted, place + 1)

    return step, (initial_state, nothing, before_start)
