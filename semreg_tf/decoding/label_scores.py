"""A decoder's score of each label: its highest probability during greedy decoding."""

from typing import Any

import tensorflow as tf

from semreg_tf.decoding.step_function import StepFunction, any_batch, batch_size, call_step


def label_scores(
    step_fn: StepFunction,
    initial_state: Any,
    context: Any,
    *,
    start_id: int,
    end_id: int,
    max_steps: int,
) -> tf.Tensor:
    """Returns each label's maximum of P(label | previous labels) over the greedy sequence (ours).

    At each step the most probable label that was not emitted yet is fed back. The steps up to and
    including the one where END is most probable count. Labels that were almost emitted get a score
    too, so labels can be ranked, cut at a threshold, or combined with the CNN's scores.

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      initial_state: nested structure of tensors (batch, ...).
      context: nested structure of tensors (batch, ...), or ().
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      max_steps: maximum number of labels that are fed back.

    Returns:
      (batch, vocab_size) float32, probabilities, with a column for END.
    """

    def body(
        last_ids: tf.Tensor, best: tf.Tensor, allowed: tf.Tensor, running: tf.Tensor, state: Any
    ) -> tuple:
        logits, state = call_step(step_fn, last_ids, state, context, end_id)
        probabilities = tf.nn.softmax(logits)
        best = tf.where(running[:, None], tf.maximum(best, probabilities), best)
        next_ids = tf.argmax(logits + allowed, axis=1, output_type=tf.int32)
        allowed += tf.one_hot(next_ids, tf.shape(logits)[1], float("-inf"), 0.0)
        return next_ids, best, allowed, running & (next_ids != end_id), state

    batch = batch_size(initial_state, context)
    logits, _ = call_step(step_fn, tf.fill([batch], start_id), initial_state, context, end_id)
    loop_vars = (
        tf.fill([batch], start_id),
        tf.zeros([batch, logits.shape[1]]),
        tf.zeros([batch, logits.shape[1]]),
        tf.ones([batch], tf.bool),
        initial_state,
    )
    _, best, *_ = tf.while_loop(
        lambda last_ids, best, allowed, running, state: tf.reduce_any(running),
        body,
        loop_vars,
        shape_invariants=any_batch(loop_vars),
        maximum_iterations=max_steps + 1,
    )
    return best
