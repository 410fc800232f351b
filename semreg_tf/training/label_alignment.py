"""Training on sets of labels without an order of their own (Yazici et al., CVPR 2020).

The decoder runs on its own choices, and its targets are put into the order that suits what it
says: "minimal_loss" (their MLA) takes the permutation of the image's labels of the least loss,
"predicted" (their PLA) leaves each right choice at its place first and permutes the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from semreg_tf.decoding.step_function import StepFunction

Alignment = Literal["minimal_loss", "predicted"]


class AlignedSequences(NamedTuple):
    """What the decoder is fed and what it shall say, (batch, time) int32 each.

    Attributes:
      input_ids: START and then the decoder's own choices.
      target_ids: the image's labels in the order found, then END; padding as it was.
    """

    input_ids: tf.Tensor
    target_ids: tf.Tensor


def free_running(
    step_fn: StepFunction, state: Any, context: Any, *, start_id: int, end_id: int, time: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the decoder on its own choices: at each step the best label that is not out yet.

    END is never among the choices, for the number of labels is the image's (ours).

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      state: nested structure of tensors (batch, ...).
      context: nested structure of tensors (batch, ...), or ().
      start_id: fed at the first step.
      end_id: the output that ends a sequence.
      time: number of steps, an int32 scalar.

    Returns:
      The choices, (batch, time) int32, and the log probabilities of all labels at each step,
      (batch, time, vocab_size) float32. No gradient passes.
    """
    rows = tf.shape(tf.nest.flatten((state, context))[0])[0]
    last = tf.fill([rows], start_id)
    logits, _ = step_fn(last, state, context)
    size = logits.shape[-1]
    allowed = tf.tile(tf.one_hot(end_id, size, float("-inf"), 0.0)[None], [rows, 1])
    ids = tf.TensorArray(tf.int32, time, element_shape=(None,))
    scores = tf.TensorArray(tf.float32, time, element_shape=(None, size))

    def body(t: tf.Tensor, last: tf.Tensor, allowed: tf.Tensor, state: Any, *arrays: Any) -> tuple:
        logits, state = step_fn(last, state, context)
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
        best = tf.argmax(log_probabilities + allowed, axis=-1, output_type=tf.int32)
        # At END's step an image of every label has none left; its choice is not read.
        allowed += tf.one_hot(best, size, float("-inf"), 0.0)
        ids, scores = arrays
        return t + 1, best, allowed, state, ids.write(t, best), scores.write(t, log_probabilities)

    *_, ids, scores = tf.while_loop(
        lambda t, *_: t < time, body, (tf.constant(0), last, allowed, state, ids, scores)
    )
    choices = tf.stop_gradient(tf.transpose(ids.stack(), [1, 0]))
    return choices, tf.stop_gradient(tf.transpose(scores.stack(), [1, 0, 2]))


def order_labels(
    labels: np.ndarray, choices: np.ndarray, log_probabilities: np.ndarray, kind: Alignment
) -> np.ndarray:
    """Puts the labels of one image into the order that the decoder's run suggests.

    Args:
      labels: the image's labels, (labels,) int.
      choices: the decoder's choices at the first steps, (labels,) int.
      log_probabilities: of all outputs at those steps, (labels, vocab_size).
      kind: "minimal_loss" or "predicted", see the module.

    Returns:
      The same labels, (labels,): at each step the one that is to be said.
    """
    ordered = np.full(len(labels), -1, labels.dtype)
    if kind == "predicted":
        # The choices are distinct, so each right one has one place.
        right = np.isin(choices, labels)
        ordered[right] = choices[right]
    steps = np.flatnonzero(ordered < 0)
    others = np.setdiff1d(labels, ordered, assume_unique=True)
    rows, columns = linear_sum_assignment(-log_probabilities[np.ix_(steps, others)])
    ordered[steps[rows]] = others[columns]
    return ordered


@dataclass(frozen=True, kw_only=True)
class LabelAlignment:
    """Replaces an order of labels by the decoder's own; one sequence an image.

    Attributes:
      start_id: fed at the first step.
      end_id: ends a sequence.
      kind: which order.
    """

    start_id: int
    end_id: int
    kind: Alignment

    def __call__(
        self,
        step_fn: StepFunction,
        state: Any,
        context: Any,
        target_ids: tf.Tensor,
        padding_mask: tf.Tensor,
    ) -> AlignedSequences:
        """Runs the decoder freely and orders the labels by what it says.

        Args:
          step_fn: the model.
          state: its first state.
          context: of each image.
          target_ids: labels in any order, then END, (batch, time) int32.
          padding_mask: true on labels and END, (batch, time) bool.

        Returns:
          Inputs and targets of the shapes that came in.
        """
        ids = {"start_id": self.start_id, "end_id": self.end_id}
        time = tf.shape(target_ids)[1]
        choices, scores = free_running(step_fn, state, context, time=time, **ids)

        def order(targets: np.ndarray, mask: np.ndarray, ids: np.ndarray, log_p: np.ndarray) -> Any:
            found = targets.copy()
            for row, number in enumerate(mask.sum(axis=1) - 1):
                if number > 0:
                    own = slice(0, int(number))
                    found[row, own] = order_labels(
                        targets[row, own], ids[row, own], log_p[row, own], self.kind
                    )
            return found

        targets = _in_numpy(order, (target_ids, padding_mask, choices, scores), target_ids)
        start = tf.fill([tf.shape(choices)[0], 1], self.start_id)
        return AlignedSequences(tf.concat([start, choices[:, :-1]], axis=1), targets)


def _in_numpy(function: Callable, inputs: tuple, like: tf.Tensor) -> tf.Tensor:
    output = tf.numpy_function(function, inputs, like.dtype, stateful=False)
    return tf.ensure_shape(output, like.shape)
