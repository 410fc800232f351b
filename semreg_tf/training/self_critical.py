"""Self-critical training of captions: the decoder is trained on the CIDEr of what it samples.

Rennie et al. (2017), "Self-critical Sequence Training for Image Captioning". Their baseline is the
greedy caption's reward; here several captions are sampled and each has the mean reward of the
others as its baseline (Luo 2020, "A Better Variant of Self-Critical Sequence Training"), so that no
greedy caption is needed.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data.input_pipeline import Split
from semreg_tf.decoding.step_function import StepFunction
from semreg_tf.metrics.ngram_similarity import NgramSimilarity
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.scheduled_sampling import sample_words

# CIDEr's unit.
_CIDER_SCALE = 10.0
# An id that no reference has.
_NO_WORD = -1


class CaptionRewards:
    """CIDEr-D of captions, with the document frequencies of the training images with captions.

    Words are ids, and END is the last word of captions that end, as is usual for this training:
    otherwise the reward rises by leaving out the end of a sentence. A sampled `<unk>` matches no
    word of a reference, as in the evaluation.

    Args:
      split: the training split.
    """

    def __init__(self, split: Split) -> None:
        encoded = split.encoded
        self._end = split.vocabularies.output.end_id
        self._unknown = split.vocabularies.output.unknown_id
        captions = np.split(encoded.tokens, encoded.token_splits[1:-1])
        captions = [[*caption.tolist(), self._end] for caption in captions]
        bounds, rows = encoded.sequence_splits, split.annotated_rows
        self._similarity = NgramSimilarity([captions[bounds[i] : bounds[i + 1]] for i in rows])
        names = (str(encoded.image_ids[row]).encode() for row in rows)
        self._rows = {name: image for image, name in enumerate(names)}

    def __call__(self, ids: np.ndarray, mask: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
        """Returns the reward of each caption, (images, samples) float32.

        Args:
          ids: (images, samples, time) int32, ending with END or cut.
          mask: (images, samples, time) bool, true on real words.
          image_ids: (images,) bytes.
        """
        if self._unknown is not None:
            ids = np.where(ids == self._unknown, _NO_WORD, ids)
        rewards = [
            self._similarity.compare(
                [words[real].tolist() for words, real in zip(captions, reals, strict=True)],
                np.array([self._rows[image_id]]),
                "cider",
            ).mean(axis=1)
            for captions, reals, image_id in zip(ids, mask, image_ids, strict=True)
        ]
        return (_CIDER_SCALE * np.stack(rewards)).astype(np.float32)


@dataclass(frozen=True)
class SelfCritical:
    """The loss of sampled captions by their reward.

    Attributes:
      samples: captions that are sampled per image, at least 2.
      max_steps: maximum number of words of a caption, counting END.
      rewards: the reward, which `on` builds; None: not known yet.
    """

    samples: int
    max_steps: int
    rewards: CaptionRewards | None = None

    def on(self, split: Split) -> "SelfCritical":
        """Returns the same with the captions of a training split as references."""
        return replace(self, rewards=CaptionRewards(split))

    def __call__(
        self,
        annotator: Annotator,
        outputs: dict[str, tf.Tensor],
        image_ids: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Samples captions and returns their loss; dropout of the decoder is off for both.

        Args:
          annotator: the models.
          outputs: the encoder's outputs.
          image_ids: (batch,) strings.
          seed: seed of the sampling, (2,) int32.

        Returns:
          The loss of each image, (batch,) float32, whose gradient is that of minus the expected
          reward; and the scalars `reward`, the mean, `num_words`, and `caption_length`, the mean
          number of words of a sample, END counted.
        """
        step_fn, *start = annotator.search_start(outputs)
        start = tf.nest.map_structure(lambda x: tf.repeat(x, self.samples, axis=0), start)
        # As in `Vocabulary`: END is the last output, and START follows it.
        end_id, start_id = annotator.vocab_size - 1, annotator.vocab_size
        ids, mask = sampled_captions(
            step_fn, start, seed, start_id=start_id, end_id=end_id, max_steps=self.max_steps
        )
        shape = (-1, self.samples, self.max_steps)
        ids, mask = tf.reshape(ids, shape), tf.reshape(mask, shape)
        rewards = tf.numpy_function(self.rewards, (ids, mask, image_ids), tf.float32)
        rewards = tf.reshape(rewards, (-1, self.samples))
        fed = tf.pad(ids[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=start_id)
        logits, rows, _ = annotator.decoder.packed_logits(outputs, fed, mask)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.boolean_mask(ids, mask), tf.cast(logits, tf.float32)
        )
        sums = tf.math.unsorted_segment_sum(losses, rows, tf.size(rewards))
        sums = tf.reshape(sums, tf.shape(rewards))
        loss = tf.reduce_mean(advantages(rewards) * sums, axis=1)
        lengths = tf.reduce_sum(tf.cast(mask, tf.float32), axis=-1)
        return loss, {
            "reward": tf.reduce_mean(rewards),
            "num_words": tf.reduce_sum(lengths),
            "caption_length": tf.reduce_mean(lengths),
        }


def advantages(rewards: tf.Tensor) -> tf.Tensor:
    """Returns each reward less the mean of the image's other rewards, (images, samples)."""
    samples = tf.cast(tf.shape(rewards)[1], rewards.dtype)
    mean = tf.reduce_mean(rewards, axis=1, keepdims=True)
    return (rewards - mean) * samples / (samples - 1.0)


def sampled_captions(
    step_fn: StepFunction,
    start: tuple[Any, Any],
    seed: tf.Tensor,
    *,
    start_id: int,
    end_id: int,
    max_steps: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws one caption per row from the model's distribution, without gradient.

    Args:
      step_fn: the model, see `semreg_tf.decoding.step_function`.
      start: its first states and its context, nested structures of tensors (rows, ...), or ().
      seed: seed of the sampling, (2,) int32.
      start_id: input of the first step.
      end_id: the output id that ends a caption.
      max_steps: maximum number of words, counting END.

    Returns:
      Ids, (rows, max_steps) int32, END after a caption's end too; and which are words of the
      caption, END included, (rows, max_steps) bool.
    """
    state, context = start
    rows = tf.shape(tf.nest.flatten(start)[0])[0]
    uniform = tf.random.stateless_uniform((max_steps, rows), seed)
    written = tf.TensorArray(tf.int32, max_steps, element_shape=(None,))

    def body(t: tf.Tensor, last: tf.Tensor, state: Any, written: tf.TensorArray) -> tuple:
        logits, state = step_fn(last, state, context)
        drawn = sample_words(tf.cast(logits, tf.float32), uniform[t])
        ids = tf.where(last == end_id, end_id, drawn)
        return t + 1, ids, state, written.write(t, ids)

    loop_vars = (tf.constant(0), tf.fill([rows], start_id), state, written)
    *_, written = tf.while_loop(lambda t, *_: t < max_steps, body, loop_vars)
    ids = tf.stop_gradient(tf.transpose(written.stack()))
    ended_before = tf.pad(ids[:, :-1] == end_id, [[0, 0], [1, 0]])
    return ids, ~ended_before
