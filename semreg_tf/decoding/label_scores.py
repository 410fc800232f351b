"""A decoder's score of each label: the probability that its list holds the label."""

from typing import Any

import tensorflow as tf

from semreg_tf.decoding.step_function import (
    StepFunction,
    any_batch,
    as_tensors,
    batch_size,
    call_step,
    check_integer,
    gather_rows,
)

# The sum ends when every beginning that is left is less probable.
_LEAST_PROBABILITY = 1e-4


def label_scores(
    step_fn: StepFunction,
    initial_state: Any,
    context: Any,
    *,
    start_id: int,
    end_id: int,
    max_steps: int,
    beam_width: int,
) -> tf.Tensor:
    """Returns the probability of each label to be in the decoder's list (ours).

    A list's probability is the product of P(label | previous labels) over its steps, where a label
    that was emitted has probability 0. A label's score is the sum of the probabilities of its
    appearing next, over all beginnings of a list; here over the `beam_width` most probable
    beginnings of each length, each an extension of the ones before, so it is a lower bound. Labels
    that are almost emitted get a score too, so labels can be ranked, cut at a threshold, or
    combined with the CNN's scores.

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      initial_state: nested structure of tensors (batch, ...).
      context: nested structure of tensors (batch, ...), or ().
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      max_steps: maximum number of labels in a list.
      beam_width: number of beginnings.

    Returns:
      (batch, vocab_size) float32, probabilities. END's column holds the probability that a list
      ends within `max_steps` steps.

    Raises:
      ValueError: `beam_width` is not a positive integer, or `step_fn` breaks its contract.
    """
    check_integer("beam_width", beam_width, 1)
    initial_state, context = as_tensors((initial_state, context))
    batch = batch_size(initial_state, context)
    first_row = tf.range(batch)[:, None] * beam_width
    images = tf.repeat(tf.range(batch), beam_width)
    initial_state, context = gather_rows(initial_state, images), gather_rows(context, images)
    start = tf.fill([batch * beam_width], start_id)
    vocab_size = call_step(step_fn, start, initial_state, context, end_id)[0].shape[1]
    goes_on = 1.0 - tf.one_hot(end_id, vocab_size)

    def body(
        last_ids: tf.Tensor, beginnings: tf.Tensor, emitted: tf.Tensor, sums: tf.Tensor, state: Any
    ) -> tuple:
        logits, state = call_step(step_fn, last_ids, state, context, end_id)
        next_label = tf.nn.softmax(tf.where(emitted, float("-inf"), logits))
        extensions = beginnings[:, :, None] * tf.reshape(next_label, [-1, beam_width, vocab_size])
        longer = tf.reshape(extensions * goes_on, [-1, beam_width * vocab_size])
        beginnings, places = tf.math.top_k(longer, beam_width)
        rows = tf.reshape(first_row + places // vocab_size, [-1])
        ids = tf.reshape(places % vocab_size, [-1])
        emitted = tf.gather(emitted, rows) | tf.one_hot(ids, vocab_size, True, False)
        sums += tf.reduce_sum(extensions, axis=1)
        return ids, beginnings, emitted, sums, gather_rows(state, rows)

    loop_vars = (
        start,
        tf.tile(tf.one_hot([0], beam_width), [batch, 1]),
        tf.zeros([batch * beam_width, vocab_size], tf.bool),
        tf.zeros([batch, vocab_size]),
        initial_state,
    )
    _, _, _, sums, _ = tf.while_loop(
        lambda last_ids, beginnings, *_: tf.reduce_any(beginnings > _LEAST_PROBABILITY),
        body,
        loop_vars,
        shape_invariants=any_batch(loop_vars),
        maximum_iterations=max_steps,
    )
    return sums
