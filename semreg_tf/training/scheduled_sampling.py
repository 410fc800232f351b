"""Scheduled sampling (Bengio et al. 2015): training feeds the decoder some of its own predictions.

The inputs are sampled in a separate pass by the step function of search, so without dropout (ours),
because each prediction depends on the previous words. The loss is then computed with teacher
forcing on these inputs, without gradient through the sampling, which depends on seed and step only.
"""

import dataclasses
import math
from typing import Any, Literal

import tensorflow as tf
from scipy.special import lambertw

from semreg_tf.config import SamplingConfig
from semreg_tf.decoding.step_function import StepFunction


def with_decay(config: SamplingConfig, steps: int) -> SamplingConfig | None:
    """Returns the schedule of a stage with its decay, or None if all inputs are true words.

    If the decay is None, it is set such that eps is `last_share` after the stage's `steps` (ours).
    """
    if config.schedule == "none":
        return None
    if config.decay is not None:
        return config
    last, steps = config.last_share, max(steps, 1)
    if config.schedule == "linear":
        decay = max(config.offset - last, 0.0) / steps
    elif config.schedule == "exponential":
        decay = last ** (1.0 / steps)
    else:
        # k / (k + exp(steps / k)) = last: (k / odds) log(k / odds) = steps / odds.
        odds = last / (1.0 - last)
        decay = max(odds * math.exp(lambertw(steps / odds).real), 1.0)
    return dataclasses.replace(config, decay=decay)


def share_of_true_words(config: SamplingConfig, step: tf.Tensor) -> tf.Tensor:
    """Returns eps_i, the probability of feeding the true word at step i, a float32 scalar."""
    i, decay = tf.cast(step, tf.float32), config.decay
    if config.schedule == "linear":
        return tf.clip_by_value(config.offset - decay * i, config.minimum, 1.0)
    if config.schedule == "exponential":
        return tf.exp(i * math.log(decay))
    # k / (k + exp(i / k)), whose exponential would overflow float32.
    return tf.sigmoid(math.log(decay) - i / decay)


def mixed_inputs(
    step_fn: StepFunction,
    start: tuple[Any, Any],
    input_ids: tf.Tensor,
    share: tf.Tensor,
    seed: tf.Tensor,
    draw: Literal["sample", "argmax"] = "sample",
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces words of sequences at random by the model's predictions, except START.

    Predictions after END, and END itself, are fed like other words (ours).

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      start: its first states and its context, nested structures of tensors (rows, ...), or ().
      input_ids: START a1 a2 ..., (rows, time) int32.
      share: eps, a float32 scalar.
      seed: seed of the sampling, (2,) int32.
      draw: "sample" from the model's softmax, or "argmax", its most probable word.

    Returns:
      The inputs, (rows, time) int32, and whether each is the true word, (rows, time) bool.
    """
    state, context = start
    rows, time = tf.unstack(tf.shape(input_ids))
    uniform = tf.random.stateless_uniform((2, time, rows), seed)
    is_true = uniform[0] < share
    is_true = tf.concat([tf.ones((1, rows), tf.bool), is_true[1:]], 0)
    by_time = tf.transpose(input_ids)
    fed = tf.TensorArray(tf.int32, time, element_shape=(None,)).write(0, by_time[0])

    def body(t: tf.Tensor, last: tf.Tensor, state: Any, fed: tf.TensorArray) -> tuple:
        logits, state = step_fn(last, state, context)
        logits = tf.cast(logits, tf.float32)
        predicted = (
            tf.argmax(logits, axis=-1, output_type=tf.int32)
            if draw == "argmax"
            else sample_words(logits, uniform[1, t])
        )
        next_ids = tf.where(is_true[t], by_time[t], predicted)
        return t + 1, next_ids, state, fed.write(t, next_ids)

    *_, fed = tf.while_loop(lambda t, *_: t < time, body, (tf.constant(1), by_time[0], state, fed))
    return tf.stop_gradient(tf.transpose(fed.stack())), tf.transpose(is_true)


def sample_words(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Draws one word per row from its softmax.

    Args:
      logits: (rows, vocab_size) float32.
      uniform: random numbers in [0, 1), (rows,) float32.

    Returns:
      Ids, (rows,) int32.
    """
    cumulative = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    exceeded = cumulative <= (uniform * cumulative[:, -1])[:, None]
    words = tf.reduce_sum(tf.cast(exceeded, tf.int32), axis=-1)
    # By rounding, a number may exceed the cumulative probability of the last word.
    return tf.minimum(words, tf.shape(logits)[1] - 1)
