"""Scheduled sampling (Bengio et al. 2015): training feeds the decoder some of its own words.

The words are drawn in a pass of their own, by the step that search calls and so without dropout
(ours), for each one depends on the words before. The loss is then that of teacher forcing on the
mixed words: no gradient passes through a draw. Coins and draws are functions of seed and step.
"""

import dataclasses
import math
from typing import Any, Literal

import tensorflow as tf
from scipy.special import lambertw

from semreg_tf.config import SamplingConfig
from semreg_tf.decoding.step_function import StepFunction


def with_decay(config: SamplingConfig, steps: int) -> SamplingConfig | None:
    """Returns the schedule of a stage, its decay known; None where every word is true.

    A decay that is not given is that by which eps is `last_share` after the stage's steps (ours).

    Args:
      config: the schedule.
      steps: of the stage.
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
    """Returns eps_i, the probability of feeding the true word, a float32 scalar.

    Args:
      config: of `with_decay`.
      step: i, of the stage, int32 scalar.
    """
    i, decay = tf.cast(step, tf.float32), config.decay
    if config.schedule == "linear":
        return tf.clip_by_value(config.offset - decay * i, config.minimum, 1.0)
    if config.schedule == "exponential":
        return tf.exp(i * math.log(decay))
    # k / (k + exp(i / k)), whose exponential leaves float32.
    return tf.sigmoid(math.log(decay) - i / decay)


def mixed_inputs(
    step_fn: StepFunction,
    state: Any,
    context: Any,
    input_ids: tf.Tensor,
    share: tf.Tensor,
    seed: tf.Tensor,
    draw: Literal["sample", "argmax"] = "sample",
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces words of sequences by the model's own, each by a coin; START stays.

    A word drawn after END's place, or END itself, is fed like any other (ours).

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      state: its first states, nested tensors (rows, ...).
      context: nested tensors (rows, ...), or ().
      input_ids: START a1 a2 ..., (rows, time) int32.
      share: eps, float32 scalar.
      seed: int32 (2,), of all coins and draws.
      draw: from the model's softmax, or its likeliest word.

    Returns:
      What is fed, (rows, time) int32, and where it is the true word, (rows, time) bool.
    """
    rows, time = tf.unstack(tf.shape(input_ids))
    uniform = tf.random.stateless_uniform((2, time, rows), seed)
    is_true = uniform[0] < share
    is_true = tf.concat([tf.ones((1, rows), tf.bool), is_true[1:]], 0)
    by_time = tf.transpose(input_ids)
    fed = tf.TensorArray(tf.int32, time, element_shape=(None,)).write(0, by_time[0])

    def body(t: tf.Tensor, last: tf.Tensor, state: Any, fed: tf.TensorArray) -> tuple:
        logits, state = step_fn(last, state, context)
        own = _drawn(tf.cast(logits, tf.float32), uniform[1, t], draw)
        following = tf.where(is_true[t], by_time[t], own)
        return t + 1, following, state, fed.write(t, following)

    *_, fed = tf.while_loop(lambda t, *_: t < time, body, (tf.constant(1), by_time[0], state, fed))
    return tf.stop_gradient(tf.transpose(fed.stack())), tf.transpose(is_true)


def _drawn(logits: tf.Tensor, uniform: tf.Tensor, draw: str) -> tf.Tensor:
    """Returns a word a row, (rows,) int32, by the uniform number where it is sampled."""
    if draw == "argmax":
        return tf.argmax(logits, axis=-1, output_type=tf.int32)
    below = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    words = tf.reduce_sum(tf.cast(below <= (uniform * below[:, -1])[:, None], tf.int32), axis=-1)
    # Rounding may leave a number at the very end of the last word's share.
    return tf.minimum(words, tf.shape(logits)[1] - 1)
