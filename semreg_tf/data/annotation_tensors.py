"""A split's annotations as tensors, which the input pipeline gathers by row."""

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.targets import EncodedAnnotations
from semreg_tf.data.vocabulary import Vocabularies


class AnnotationTensors:
    """Gathers the annotation keys of a batch by image row or by sequence.

    Attributes:
      most_captions: the largest number of sequences of an image.
    """

    def __init__(self, encoded: EncodedAnnotations, vocabularies: Vocabularies) -> None:
        self._start, self._end = vocabularies.output.start_id, vocabularies.output.end_id
        self._num_concepts = len(vocabularies.concepts)
        self.most_captions = int(np.diff(encoded.sequence_splits).max(initial=0))
        with tf.device("/cpu:0"):
            self._image_ids = tf.constant([str(x) for x in encoded.image_ids], tf.string)
            self._sequences = tf.RaggedTensor.from_row_splits(encoded.tokens, encoded.token_splits)
            self._by_image = tf.RaggedTensor.from_row_splits(
                self._sequences, encoded.sequence_splits
            )
            self._concepts = tf.RaggedTensor.from_row_splits(
                encoded.concepts, encoded.concept_splits
            )
            # User tags and groups: ids, and the size of their vocabulary.
            self._side = {}
            for key, ids, splits, names in (
                (
                    batch.USER_TAGS,
                    encoded.user_tags,
                    encoded.user_tag_splits,
                    vocabularies.user_tags,
                ),
                (batch.GROUPS, encoded.groups, encoded.group_splits, vocabularies.groups),
            ):
                if ids is not None:
                    self._side[key] = tf.RaggedTensor.from_row_splits(ids, splits), len(names)

    def images(
        self,
        rows: tf.Tensor,
        keys: tuple[str, ...],
        captions_per_image: int | None = None,
        order: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns the batch tensors of annotations for images.

        Args:
          rows: image rows of the split, (batch,).
          keys: keys of `semreg_tf.data.batch`; keys that are not annotations are ignored.
          captions_per_image: number of captions sampled per image; None: all.
          order: random values for sampling, (batch, `most_captions`) float32, at least 0; captions
            with the largest values are chosen.

        Returns:
          Tensors by key, as `semreg_tf.data.batch` describes; the number of captions is the largest
          one in this batch.
        """
        tensors = self._image_tensors(rows, keys)
        if batch.INPUT_IDS in keys:
            sequences = tf.gather(self._by_image, rows)
            ids = sequences.to_tensor(self._end)
            lengths = sequences.row_lengths(axis=2).to_tensor(-1)
            if captions_per_image is not None:
                order = tf.where(lengths < 0, -1.0, order[:, : tf.shape(lengths)[1]])
                count = tf.minimum(captions_per_image, tf.shape(lengths)[1])
                chosen = tf.math.top_k(order, count).indices
                ids = tf.gather(ids, chosen, batch_dims=1)
                lengths = tf.gather(lengths, chosen, batch_dims=1)
            tensors.update(self._shifted(ids, lengths))
        return tensors

    def pairs(
        self, rows: tf.Tensor, sequences: tf.Tensor, keys: tuple[str, ...]
    ) -> dict[str, tf.Tensor]:
        """Returns (image, sequence) pairs for the relational stage; captions is 1.

        Args:
          rows: the image row of each pair, (batch,).
          sequences: the sequence index of each pair, (batch,).
          keys: keys of `semreg_tf.data.batch`, which describes the tensors.
        """
        tensors = self._image_tensors(rows, keys)
        ragged = tf.gather(self._sequences, sequences)
        ids, lengths = ragged.to_tensor(self._end), ragged.row_lengths()
        return {**tensors, **self._shifted(ids[:, None], lengths[:, None])}

    def _image_tensors(self, rows: tf.Tensor, keys: tuple[str, ...]) -> dict[str, tf.Tensor]:
        tensors = {}
        if batch.IMAGE_ID in keys:
            tensors[batch.IMAGE_ID] = tf.gather(self._image_ids, rows)
        if batch.CONCEPTS in keys:
            tensors[batch.CONCEPTS] = _multi_hot(self._concepts, rows, self._num_concepts)
        for key, (ids, size) in self._side.items():
            if key in keys:
                tensors[key] = _multi_hot(ids, rows, size)
        return tensors

    def _shifted(self, ids: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        ids, lengths = tf.cast(ids, tf.int32), tf.cast(lengths, tf.int32)
        column = tf.ones_like(lengths)[..., None]
        targets = tf.concat([ids, column * self._end], axis=-1)
        positions = tf.range(tf.shape(targets)[-1])
        return {
            batch.INPUT_IDS: tf.concat([column * self._start, ids], axis=-1),
            batch.TARGET_IDS: targets,
            batch.PADDING_MASK: positions <= lengths[..., None],
        }


def _multi_hot(ids: tf.RaggedTensor, rows: tf.Tensor, size: int) -> tf.Tensor:
    dense = tf.cast(tf.gather(ids, rows).to_tensor(-1), tf.int32)
    return tf.reduce_sum(tf.one_hot(dense, size), axis=1)
