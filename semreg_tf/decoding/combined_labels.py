"""Labels by CNN and decoder together: a weighted geometric mean, cut at a threshold."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.label_scores import label_scores
from semreg_tf.decoding.search import shifted
from semreg_tf.decoding.step_function import StepFunction


def combined_scores(concept_probabilities: Any, list_probabilities: Any, weight: float) -> Any:
    """Returns the geometric mean of tensors or arrays, in which the decoder has `weight`."""
    return concept_probabilities ** (1 - weight) * list_probabilities**weight


class CombinedLabels(NamedTuple):
    """The labels of every image, best first, in the form of a search with one result.

    Attributes:
      token_ids: (batch, 1, max_steps) int32, output ids, padded with -1.
      scores: (batch, 1) float32, the sum of the logarithms of the labels' scores.
      label_scores: (batch, 1, max_steps) float32, padded with -1.
    """

    token_ids: tf.Tensor
    scores: tf.Tensor
    label_scores: tf.Tensor


@dataclasses.dataclass(frozen=True)
class LabelCombination:
    """Combines the probabilities of labels in the CNN and in the decoder's lists (ours).

    Attributes:
      config: the weight, the threshold, the most labels of a list, `beam_width` and END's bias.
      start_id: input of the decoder's first step.
      end_id: the output id that ends a list.
      label_ids: the output id of each concept.
    """

    config: DecodingConfig
    _: dataclasses.KW_ONLY
    start_id: int
    end_id: int
    label_ids: Sequence[int]

    def list_probabilities(self, step_fn: StepFunction, state: Any, context: Any) -> tf.Tensor:
        """Returns the decoder's `label_scores` by concept, (batch, num_concepts) float32."""
        if self.config.end_bias:
            step_fn = shifted(step_fn, self.end_id, self.config.end_bias)
        scores = label_scores(
            step_fn,
            state,
            context,
            start_id=self.start_id,
            end_id=self.end_id,
            max_steps=self.config.max_steps,
            beam_width=self.config.beam_width,
        )
        return tf.gather(scores, tf.constant(self.label_ids, tf.int32), axis=1)

    def __call__(
        self, concept_probabilities: tf.Tensor, step_fn: StepFunction, state: Any, context: Any
    ) -> CombinedLabels:
        """Returns the labels whose mean is at least `config.combine_threshold`, and above 0.

        Of more than `config.max_steps` the first are returned.

        Args:
          concept_probabilities: (batch, num_concepts) float32.
          step_fn: the decoder, see `semreg_tf.decoding.step_function`.
          state: its first state.
          context: its context.
        """
        weight, steps = self.config.combine_weight, self.config.max_steps
        lists = self.list_probabilities(step_fn, state, context)
        means = combined_scores(tf.cast(concept_probabilities, tf.float32), lists, weight)
        values, places = tf.math.top_k(means, min(steps, len(self.label_ids)))
        chosen = (values >= self.config.combine_threshold) & (values > 0)
        ids = tf.gather(tf.constant(self.label_ids, tf.int32), places)
        padding = [[0, 0], [0, steps - values.shape[1]]]
        return CombinedLabels(
            tf.pad(tf.where(chosen, ids, -1), padding, constant_values=-1)[:, None],
            tf.reduce_sum(tf.math.log(tf.where(chosen, values, 1.0)), 1, True),
            tf.pad(tf.where(chosen, values, -1.0), padding, constant_values=-1.0)[:, None],
        )
