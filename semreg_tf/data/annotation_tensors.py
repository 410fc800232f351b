"""A split's annotations as tensors, gathered by row inside the input graph."""

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.targets import EncodedAnnotations
from semreg_tf.data.vocabulary import Vocabularies


class AnnotationTensors:
    """Gathers the annotation keys of a batch by image row or by sequence.

    Args:
      encoded: the split's annotations as ids.
      vocabularies: the experiment's names.

    Attributes:
      most_captions: the most sequences any image has.
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
            # What else people said of an image: its ids, and how many there are.
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
        """Returns the annotation keys among `keys` for images.

        Args:
          rows: image rows of the split, (batch,).
          keys: keys of the contract; `image` and `features` are not this class's.
          captions_per_image: sample that many captions of each image; None: all.
          order: what the sample goes by, (batch, `most_captions`) float32 of at least 0: the
            captions of the largest values are taken.

        Returns:
          Tensors as `semreg_tf.data.batch` says; captions is the most any image here has.
        """
        tensors = self._image_tensors(rows, keys)
        if batch.INPUT_IDS in keys:
            sequences = tf.gather(self._by_image, rows)
            ids = sequences.to_tensor(self._end)
            lengths = sequences.row_lengths(axis=2).to_tensor(-1)
            if captions_per_image is not None:
                order = tf.where(lengths < 0, -1.0, order[:, : tf.shape(lengths)[1]])
                wanted = tf.minimum(captions_per_image, tf.shape(lengths)[1])
                chosen = tf.math.top_k(order, wanted).indices
                ids = tf.gather(ids, chosen, batch_dims=1)
                lengths = tf.gather(lengths, chosen, batch_dims=1)
            tensors.update(self._shifted(ids, lengths))
        return tensors

    def pairs(
        self, rows: tf.Tensor, sequences: tf.Tensor, keys: tuple[str, ...]
    ) -> dict[str, tf.Tensor]:
        """Returns flat (image, sequence) pairs, captions = 1, for the relational stage.

        Args:
          rows: the image row of each pair, (batch,).
          sequences: the sequence of each pair, (batch,).
          keys: keys of the contract.

        Returns:
          Tensors as `semreg_tf.data.batch` says.
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
