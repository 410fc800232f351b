"""Training on unordered sets of labels (Yazici et al., CVPR 2020).

The decoder runs on its own predictions, and the targets are ordered by them: "minimal_loss" (their
MLA) is the permutation of the image's labels with the lowest loss; "predicted" (their PLA) keeps
each correct prediction at its position and permutes only the other labels.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from semreg_tf.decoding.step_function import StepFunction

Alignment = Literal["minimal_loss", "predicted"]


class AlignedSequences(NamedTuple):
    """Inputs and targets of the decoder, each (batch, time) int32.

    Attributes:
      input_ids: START, then the decoder's predictions.
      target_ids: the image's labels in the new order, then END; padding is unchanged.
    """

    input_ids: tf.Tensor
    target_ids: tf.Tensor


def free_running(
    step_fn: StepFunction, state: Any, context: Any, *, start_id: int, end_id: int, time: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the decoder on its own predictions: the best label that was not predicted yet.

    END is never predicted, because the number of labels is known (ours).

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      state: nested structure of tensors (batch, ...).
      context: nested structure of tensors (batch, ...), or ().
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      time: number of steps, an int32 scalar.

    Returns:
      The predictions, (batch, time) int32, and the log probabilities of all labels at each step,
      (batch, time, vocab_size) float32, without gradient.
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
        # An image with all labels has none left at the step of END; that prediction is not used.
        allowed += tf.one_hot(best, size, float("-inf"), 0.0)
        ids, scores = arrays
        return t + 1, best, allowed, state, ids.write(t, best), scores.write(t, log_probabilities)

    *_, ids, scores = tf.while_loop(
        lambda t, *_: t < time, body, (tf.constant(0), last, allowed, state, ids, scores)
    )
    predicted = tf.stop_gradient(tf.transpose(ids.stack(), [1, 0]))
    return predicted, tf.stop_gradient(tf.transpose(scores.stack(), [1, 0, 2]))


def order_labels(
    labels: np.ndarray, predicted: np.ndarray, log_probabilities: np.ndarray, kind: Alignment
) -> np.ndarray:
    """Returns the labels of one image, (labels,), ordered by the decoder's predictions.

    Args:
      labels: the image's labels, (labels,) int.
      predicted: the decoder's predictions at the first steps, (labels,) int.
      log_probabilities: log probabilities of all outputs at these steps, (labels, vocab_size).
      kind: "minimal_loss" or "predicted", see the docstring of this module.
    """
    ordered = np.full(len(labels), -1, labels.dtype)
    if kind == "predicted":
        # Predictions are distinct, so each correct one has one position.
        correct = np.isin(predicted, labels)
        ordered[correct] = predicted[correct]
    steps = np.flatnonzero(ordered < 0)
    others = np.setdiff1d(labels, ordered, assume_unique=True)
    rows, columns = linear_sum_assignment(-log_probabilities[np.ix_(steps, others)])
    ordered[steps[rows]] = others[columns]
    return ordered


@dataclass(frozen=True, kw_only=True)
class LabelAlignment:
    """Reorders an image's labels by the decoder's predictions; there is one sequence per image.

    The kind of order is explained in the docstring of this module.
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
        """Runs the decoder on its own predictions and reorders the labels.

        Args:
          step_fn: the model, see `semreg_tf.decoding.step_function`.
          state: its first state.
          context: the context of each image.
          target_ids: labels in any order, then END, (batch, time) int32.
          padding_mask: true on labels and END, (batch, time) bool.

        Returns:
          Inputs and targets, each (batch, time) int32.
        """
        ids = {"start_id": self.start_id, "end_id": self.end_id}
        time = tf.shape(target_ids)[1]
        predicted, scores = free_running(step_fn, state, context, time=time, **ids)

        def order(targets: np.ndarray, mask: np.ndarray, ids: np.ndarray, log_p: np.ndarray) -> Any:
            ordered = targets.copy()
            for row, number in enumerate(mask.sum(axis=1) - 1):
                if number > 0:
                    labels = slice(0, int(number))
                    ordered[row, labels] = order_labels(
                        targets[row, labels], ids[row, labels], log_p[row, labels], self.kind
                    )
            return ordered

        inputs = (target_ids, padding_mask, predicted, scores)
        targets = tf.numpy_function(order, inputs, target_ids.dtype, stateful=False)
        targets = tf.ensure_shape(targets, target_ids.shape)
        start = tf.fill([tf.shape(predicted)[0], 1], self.start_id)
        return AlignedSequences(tf.concat([start, predicted[:, :-1]], axis=1), targets)
