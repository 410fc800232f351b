"""One step of beam search: extending, completing, comparing and returning hypotheses.

Live and completed hypotheses are stored separately, so completed ones never take up the beam. The
rows of a step are ordered by image, and within an image by rank.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from semreg_tf.decoding.step_function import StepFunction, call_step, check_integer
from semreg_tf.decoding.top_k import top_k_of_many

_IMPOSSIBLE = float("-inf")
# A sequence's log-probability lies above. LiteRT has no minus infinity: it stores the lowest number
# of its weights' type, -65504 in float16.
_LOWEST_POSSIBLE = -3e4


class BeamResults(NamedTuple):
    """The best sequences of every image, best first.

    An image with fewer than `num_results` sequences is padded with token ids -1, length 0, score
    and log-probability minus infinity, and `finished` false.

    Attributes:
      token_ids: (batch, num_results, max_steps) int32, without START and END, padded with -1.
      lengths: (batch, num_results) int32, tokens before END.
      scores: (batch, num_results) float32, by which the results are ranked.
      log_probabilities: (batch, num_results) float32, of the sequence including END.
      finished: (batch, num_results) bool; all false for an image without a sequence that reached
        END.
    """

    token_ids: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor
    finished: tf.Tensor


class Live(NamedTuple):
    """Unfinished hypotheses, best first; missing ones have log-probability -inf.

    Attributes:
      token_ids: (images, width, max_steps) int32.
      last_ids: (images, width) int32.
      log_probabilities: (images, width) float32.
    """

    token_ids: tf.Tensor
    last_ids: tf.Tensor
    log_probabilities: tf.Tensor


class Completed(NamedTuple):
    """The best hypotheses that reached END, best first; missing ones have score -inf.

    Attributes:
      token_ids: (images, num_results, max_steps) int32.
      lengths: (images, num_results) int32.
      scores: (images, num_results) float32.
      log_probabilities: (images, num_results) float32.
    """

    token_ids: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamRules:
    """The settings of a beam search; the paper only states the width, three.

    Attributes:
      start_id: input of the first step.
      end_id: the output id that ends a sequence.
      beam_width: number of live hypotheses per image.
      max_steps: maximum number of emitted tokens, including END; im2txt's 20 tokens count START.
      length_normalisation: exponent of the length in the score; 0: none.
      num_results: sequences per image, which may exceed the beam width; None: the beam width.

    Raises:
      ValueError: a setting is out of range.
    """

    start_id: int
    end_id: int
    beam_width: int = 3
    max_steps: int = 19
    length_normalisation: float = 0.0
    num_results: int | None = None

    def __post_init__(self) -> None:
        for name, minimum in (("start_id", 0), ("end_id", 0), ("beam_width", 1), ("max_steps", 1)):
            check_integer(name, getattr(self, name), minimum)
        check_integer("num_results", self.results_per_image, 1)
        if not 0.0 <= self.length_normalisation < math.inf:
            raise ValueError(
                "`length_normalisation` must be finite and not negative. "
                f"Received: length_normalisation={self.length_normalisation}"
            )

    @property
    def results_per_image(self) -> int:
        """`num_results`, or the beam width."""
        return self.beam_width if self.num_results is None else self.num_results


@dataclasses.dataclass(frozen=True)
class BeamExpansion:
    """Expands hypotheses by a model's step function, under the rules of a search."""

    step_fn: StepFunction
    rules: BeamRules

    def start(self, images: tf.Tensor) -> tuple[Live, Completed]:
        """Returns the hypotheses before the first step: START alone, and none completed."""
        live = Live(
            token_ids=tf.fill([images, 1, self.rules.max_steps], -1),
            last_ids=tf.fill([images, 1], self.rules.start_id),
            log_probabilities=tf.zeros([images, 1]),
        )
        completed = Completed(
            token_ids=tf.fill([images, self.rules.results_per_image, self.rules.max_steps], -1),
            lengths=tf.zeros([images, self.rules.results_per_image], tf.int32),
            scores=tf.fill([images, self.rules.results_per_image], _IMPOSSIBLE),
            log_probabilities=tf.fill([images, self.rules.results_per_image], _IMPOSSIBLE),
        )
        return live, completed

    def expand(
        self, step: tf.Tensor, live: Live, completed: Completed, state: Any, context: Any
    ) -> tuple[Live, Completed, tf.Tensor, Any]:
        """Extends every live hypothesis by one token.

        Args:
          step: scalar int32, the number of tokens emitted so far.
          live: any number of hypotheses per image.
          completed: the best completed hypotheses so far.
          state: nested structure of tensors (rows, ...).
          context: nested structure of tensors (rows, ...).

        Returns:
          live: `beam_width` hypotheses per image.
          completed: updated with the hypotheses that END completes in this step.
          rows: (images, beam_width) int32, the row of each live hypothesis's parent.
          new_state: in the order of the rows before this step.
        """
        width = live.last_ids.shape[1]
        logits, state = call_step(
            self.step_fn, tf.reshape(live.last_ids, [-1]), state, context, self.rules.end_id
        )
        log_probabilities, ids = self._best_tokens(logits)
        choices = ids.shape[1]
        totals = live.log_probabilities[:, :, None] + tf.reshape(
            log_probabilities, [-1, width, choices]
        )
        ends = tf.reshape(ids == self.rules.end_id, [-1, width, choices])
        ended = tf.reduce_max(
            tf.where(ends, totals, _IMPOSSIBLE)[:, :, : self.rules.beam_width], axis=2
        )
        completed = self._complete(step, live, completed, ended)

        continued = tf.reshape(tf.where(ends, _IMPOSSIBLE, totals), [-1, width * choices])
        totals, picks = tf.math.top_k(continued, self.rules.beam_width)
        last_ids = tf.gather(tf.reshape(ids, [-1, width * choices]), picks, batch_dims=1)
        parents = picks // choices
        history = tf.gather(live.token_ids, parents, batch_dims=1)
        history = tf.where(tf.range(self.rules.max_steps) == step, last_ids[:, :, None], history)
        rows = tf.range(tf.shape(parents)[0])[:, None] * width + parents
        return Live(history, last_ids, totals), completed, rows, state

    def can_improve(self, live: Live, completed: Completed) -> tf.Tensor:
        """Returns whether a live hypothesis can still beat the worst completed one, (images,)."""
        best_possible = live.log_probabilities[:, 0] / self._length_penalties()[-1]
        return best_possible > completed.scores[:, -1]

    def results(self, live: Live, completed: Completed) -> BeamResults:
        """Returns the completed hypotheses, or the live ones for images with none completed."""
        count = min(self.rules.beam_width, self.rules.results_per_image)
        padding = [[0, 0], [0, self.rules.results_per_image - count]]
        partial = tf.pad(live.log_probabilities[:, :count], padding, constant_values=_IMPOSSIBLE)
        partial_ids = tf.pad(live.token_ids[:, :count], [*padding, [0, 0]], constant_values=-1)
        finished = completed.log_probabilities > _LOWEST_POSSIBLE
        any_finished = finished[:, :1]
        partial_scores = partial / self._length_penalties()[-1]
        scores = tf.where(any_finished, completed.scores, partial_scores)
        log_probabilities = tf.where(any_finished, completed.log_probabilities, partial)
        exists = log_probabilities > _LOWEST_POSSIBLE
        token_ids = tf.where(any_finished[:, :, None], completed.token_ids, partial_ids)
        lengths = tf.where(any_finished, completed.lengths, self.rules.max_steps)
        return BeamResults(
            token_ids=tf.where(exists[:, :, None], token_ids, -1),
            lengths=tf.where(exists, lengths, 0),
            scores=tf.where(exists, scores, _IMPOSSIBLE),
            log_probabilities=log_probabilities,
            finished=finished,
        )

    def _best_tokens(self, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the `beam_width + 1` best tokens of every row: enough even if one is END.

        Log-probabilities are computed for these tokens only. The normaliser comes from a softmax,
        whose CPU kernel takes one pass. A smaller vocabulary is padded with impossible tokens.
        """
        choices = min(self.rules.beam_width + 1, logits.shape[-1])
        best, ids = top_k_of_many(logits, choices)
        largest = tf.math.log(tf.gather(tf.nn.softmax(logits), ids[:, :1], batch_dims=1))
        # At most 0 despite rounding: early stopping relies on sums that never increase.
        log_probabilities = tf.minimum(largest + (best - best[:, :1]), 0.0)
        # The values above are undefined in a row in which every token is impossible.
        log_probabilities = tf.where(best > _IMPOSSIBLE, log_probabilities, _IMPOSSIBLE)
        padding = [[0, 0], [0, self.rules.beam_width + 1 - choices]]
        return (
            tf.pad(log_probabilities, padding, constant_values=_IMPOSSIBLE),
            tf.pad(ids, padding, constant_values=self.rules.end_id),
        )

    def _complete(
        self, step: tf.Tensor, live: Live, completed: Completed, ended: tf.Tensor
    ) -> Completed:
        """Merges the live hypotheses that END completes, with log-probabilities `ended`."""
        new = Completed(
            token_ids=live.token_ids,
            lengths=tf.fill(tf.shape(ended), step),
            scores=ended / tf.gather(self._length_penalties(), step),
            log_probabilities=ended,
        )
        both = Completed(*(tf.concat(pair, axis=1) for pair in zip(completed, new, strict=True)))
        picks = tf.math.top_k(both.scores, self.rules.results_per_image).indices
        return Completed(*(tf.gather(field, picks, batch_dims=1) for field in both))

    def _length_penalties(self) -> np.ndarray:
        lengths = np.arange(1, self.rules.max_steps + 1, dtype=np.float64)
        return (lengths**self.rules.length_normalisation).astype(np.float32)
