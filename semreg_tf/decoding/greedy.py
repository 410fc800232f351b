"""Greedy search: emits the most probable token at every step, until END."""

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from semreg_tf.decoding.step_function import (
    StepFunction,
    any_batch,
    as_tensors,
    batch_size,
    call_step,
    check_integer,
    without_emitted,
)


class DecodedSequences(NamedTuple):
    """One sequence per image.

    Attributes:
      token_ids: (batch, max_steps) int32, without START and END, padded with -1.
      lengths: (batch,) int32, tokens before END.
      log_probabilities: (batch,) float32, of the sequence including END.
      finished: (batch,) bool, false where END was not reached within `max_steps`.
    """

    token_ids: tf.Tensor
    lengths: tf.Tensor
    log_probabilities: tf.Tensor
    finished: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class GreedySearch:
    """Emits the most probable token at every step, as the paper does for tags (Sec. 3.3).

    Ties go to the lower id. The loop ends when every image has emitted END.

    Attributes:
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      max_steps: maximum number of emitted tokens, including END.
      block_repeats: whether no token is emitted twice, for labels that form a set; off by default,
        as in the paper. Log-probabilities are not renormalised over the remaining tokens.
      jit_compile: whether the search is compiled by XLA.

    Raises:
      ValueError: an id or `max_steps` is out of range.
    """

    start_id: int
    end_id: int
    max_steps: int
    block_repeats: bool = False
    jit_compile: bool = False

    def __post_init__(self) -> None:
        for name, minimum in (("start_id", 0), ("end_id", 0), ("max_steps", 1)):
            check_integer(name, getattr(self, name), minimum)

    def __call__(self, step_fn: StepFunction, initial_state: Any, context: Any) -> DecodedSequences:
        """Searches a batch, as `BeamSearch` does. Call it inside a `tf.function`.

        Raises:
          ValueError: `step_fn` breaks its contract.
        """

        def run(state: Any, context: Any) -> DecodedSequences:
            return self._search(step_fn, state, context)

        if self.jit_compile:
            run = tf.function(run, jit_compile=True)
        return run(as_tensors(initial_state), as_tensors(context))

    def _search(self, step_fn: StepFunction, state: Any, context: Any) -> DecodedSequences:
        def body(
            step: tf.Tensor, last_ids: tf.Tensor, decoded: DecodedSequences, state: Any
        ) -> tuple:
            logits, state = call_step(step_fn, last_ids, state, context, self.end_id)
            best_ids, log_probabilities = _best(logits, decoded.token_ids, self.block_repeats)
            decoded = _append(decoded, step, best_ids, log_probabilities, self.end_id)
            return step + 1, best_ids, decoded, state

        batch = batch_size(state, context)
        decoded = DecodedSequences(
            token_ids=tf.fill([batch, self.max_steps], -1),
            lengths=tf.zeros([batch], tf.int32),
            log_probabilities=tf.zeros([batch], tf.float32),
            finished=tf.zeros([batch], tf.bool),
        )
        loop_vars = (tf.constant(0), tf.fill([batch], self.start_id), decoded, state)
        _, _, decoded, _ = tf.while_loop(
            lambda step, last_ids, decoded, state: ~tf.reduce_all(decoded.finished),
            body,
            loop_vars,
            shape_invariants=(tf.TensorShape([]), *any_batch(loop_vars[1:])),
            maximum_iterations=self.max_steps,
        )
        return decoded


def _best(
    logits: tf.Tensor, emitted_ids: tf.Tensor, block_repeats: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the best token, (batch,), and its log-probability, (batch,)."""
    allowed = without_emitted(logits, emitted_ids) if block_repeats else logits
    best_ids = tf.argmax(allowed, axis=1, output_type=tf.int32)
    best_logits = tf.gather(logits, best_ids, batch_dims=1)
    return best_ids, best_logits - tf.reduce_logsumexp(logits, axis=1)


def _append(
    decoded: DecodedSequences,
    step: tf.Tensor,
    best_ids: tf.Tensor,
    log_probabilities: tf.Tensor,
    end_id: int,
) -> DecodedSequences:
    """Appends one step to the unfinished sequences; finished ones do not change."""
    running = ~decoded.finished
    emits = running & (best_ids != end_id)
    here = tf.range(decoded.token_ids.shape[1])[None, :] == step
    return DecodedSequences(
        token_ids=tf.where(emits[:, None] & here, best_ids[:, None], decoded.token_ids),
        lengths=decoded.lengths + tf.cast(emits, tf.int32),
        log_probabilities=decoded.log_probabilities + tf.where(running, log_probabilities, 0.0),
        finished=decoded.finished | (best_ids == end_id),
    )
