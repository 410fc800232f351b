"""Conversion of annotations to ids: label order, word ids, multi-hot vectors, shifted targets."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Literal, NamedTuple, get_args

import numpy as np

from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.concept_choice import ConceptForms
from semreg_tf.data.vocabulary import NameList, Vocabularies, Vocabulary

LabelOrder = Literal["rare_first", "frequent_first", "alphabetical", "random"]


class EncodedAnnotations(NamedTuple):
    """A split's annotations as flat arrays; row i of `x` is `x[splits[i]:splits[i + 1]]`.

    Attributes:
      image_ids: object array of strings, (images,).
      tokens: int32, the concatenated ids of all sequences, without START and END.
      token_splits: int64, (sequences + 1,), bounds of the sequences in `tokens`.
      sequence_splits: int64, (images + 1,), bounds of the images among the sequences; an image
        known to have no labels has one empty sequence, so its target is END.
      concepts: int32, the concatenated concept ids of all images, ascending within an image.
      concept_splits: int64, (images + 1,).
      user_tags: int32, or None if they are not read.
      user_tag_splits: int64, (images + 1,), or None.
      num_cut: number of captions cut at `max_caption_tokens`.
      groups: int32, or None if they are not read.
      group_splits: int64, (images + 1,), or None.
    """

    image_ids: np.ndarray
    tokens: np.ndarray
    token_splits: np.ndarray
    sequence_splits: np.ndarray
    concepts: np.ndarray
    concept_splits: np.ndarray
    user_tags: np.ndarray | None
    user_tag_splits: np.ndarray | None
    num_cut: int
    groups: np.ndarray | None = None
    group_splits: np.ndarray | None = None

    @property
    def annotated_rows(self) -> np.ndarray:
        """Rows of the images with a caption, or whose labels are known."""
        return np.flatnonzero(np.diff(self.sequence_splits))


def label_ranks(vocabulary: Vocabulary, order: LabelOrder) -> np.ndarray:
    """Returns the rank of each label in a sequence (Sec. 4.1: rare labels first).

    Args:
      vocabulary: labels with their training counts.
      order: "rare_first": ascending count; "frequent_first": descending count, ties by name in
        both; "alphabetical"; "random": a permutation that only depends on the names.

    Returns:
      int32, (labels,); labels with lower ranks come first.

    Raises:
      ValueError: the order is unknown.
    """
    if order not in get_args(LabelOrder):
        raise ValueError(
            f"`order` must be one of {', '.join(get_args(LabelOrder))}. Received: order={order!r}"
        )
    sign = {"rare_first": 1, "frequent_first": -1}.get(order, 0)
    keys = [
        (sign * count, hashlib.sha256(name.encode()).hexdigest() if order == "random" else name)
        for name, count in zip(vocabulary.names, vocabulary.counts, strict=True)
    ]
    ranks = np.empty(len(keys), np.int32)
    ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return ranks


def labels_of_captions(
    annotations: Sequence[Annotation], vocabularies: Vocabularies
) -> list[Annotation]:
    """Returns annotations with the concepts that occur in their captions as labels.

    Example:
      >>> labels_of_captions(annotations, vocabularies)[0].labels
      ('a', 'dog', 'grass')
    """
    known, names = vocabularies.concept_ids, vocabularies.concepts.names
    return [
        dataclasses.replace(
            a,
            labels=tuple(sorted({names[known[t]] for ts in a.tokens for t in ts if t in known})),
        )
        for a in annotations
    ]


def is_annotated(annotation: Annotation, data_config: DataConfig) -> bool:
    """Returns whether an image can be learnt from: it has a caption, or its labels are known.

    Whether labels are known to be none is told by `data.without_labels`.
    """
    if "captions" in (data_config.task, data_config.labels_from):
        return bool(annotation.tokens)
    return bool(annotation.labels) or data_config.without_labels == "none"


def encode_annotations(
    annotations: Sequence[Annotation],
    vocabularies: Vocabularies,
    data_config: DataConfig,
    for_training: bool = False,
) -> EncodedAnnotations:
    """Converts a split's annotations to ids of sequences, concepts, user tags and groups.

    For tags, an image has one sequence, its labels in `label_order`, or none if its labels are not
    known (`data.without_labels`, or no captions to take them from). For captions, each caption is
    a sequence, cut at `max_caption_tokens` for training, and a concept is present if any caption of
    the image has its word (Sec. 5.1).

    Raises:
      ValueError: a label is not in the vocabulary.
    """
    vocabulary = vocabularies.output
    limit = data_config.max_caption_tokens if for_training else None
    if data_config.task == "captions":
        per_image = [[vocabulary.encode(tokens) for tokens in a.tokens] for a in annotations]
        concepts = [
            _known(vocabularies.concept_ids, {t for tokens in a.tokens for t in tokens})
            for a in annotations
        ]
    else:
        ranks = label_ranks(vocabulary, data_config.label_order)
        labels = [vocabulary.encode(a.labels) for a in annotations]
        per_image = [
            [ids[np.argsort(ranks[ids])]] if is_annotated(annotation, data_config) else []
            for ids, annotation in zip(labels, annotations, strict=True)
        ]
        concepts = [_known(vocabularies.concepts.index, a.labels) for a in annotations]
        limit = None
    sequences = [ids for image in per_image for ids in image]
    tokens, token_splits = _flat([ids[:limit] for ids in sequences])
    concept_ids, concept_splits = _flat(concepts)
    tags = _all_known(vocabularies.user_tags, (a.user_tags for a in annotations))
    groups = _all_known(vocabularies.groups, (a.groups for a in annotations))
    return EncodedAnnotations(
        image_ids=np.asarray([a.image_id for a in annotations], object),
        tokens=tokens,
        token_splits=token_splits,
        sequence_splits=_splits([len(image) for image in per_image]),
        concepts=concept_ids,
        concept_splits=concept_splits,
        user_tags=tags[0],
        user_tag_splits=tags[1],
        num_cut=0 if limit is None else sum(len(ids) > limit for ids in sequences),
        groups=groups[0],
        group_splits=groups[1],
    )


def multi_hot(ids: np.ndarray, row_splits: np.ndarray, size: int) -> np.ndarray:
    """Returns the multi-hot vectors of flat ids, (rows, size) float32.

    Args:
      ids: int array, the concatenated ids of all rows.
      row_splits: int array, (rows + 1,).
      size: the length of a vector.

    Example:
      >>> multi_hot(np.array([0, 2, 1]), np.array([0, 2, 2, 3]), 3).tolist()
      [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    vectors = np.zeros((len(row_splits) - 1, size), np.float32)
    vectors[np.repeat(np.arange(len(vectors)), np.diff(row_splits)), ids] = 1
    return vectors


def shift(
    sequences: Sequence[Sequence[int] | np.ndarray], start_id: int, end_id: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pads sequences to a batch; a reference for testing the input pipeline.

    Args:
      sequences: ids without START and END.
      start_id: the first id of each input.
      end_id: the id after each target and at every padded position.

    Returns:
      `input_ids` (batch, time) int32, `target_ids` (batch, time) int32 and `padding_mask`
      (batch, time) bool, where time is one more than the longest sequence.

    Example:
      >>> inputs, targets, mask = shift([[4, 7], [5]], start_id=9, end_id=8)
      >>> inputs.tolist(), targets.tolist(), mask.tolist()[1]
      ([[9, 4, 7], [9, 5, 8]], [[4, 7, 8], [5, 8, 8]], [True, True, False])
    """
    shape = len(sequences), max((len(s) for s in sequences), default=0) + 1
    inputs, targets = np.full(shape, end_id, np.int32), np.full(shape, end_id, np.int32)
    mask = np.zeros(shape, bool)
    inputs[:, 0] = start_id
    for row, ids in enumerate(sequences):
        inputs[row, 1 : len(ids) + 1] = ids
        targets[row, : len(ids)] = ids
        mask[row, : len(ids) + 1] = True
    return inputs, targets, mask


def _known(index: Mapping[str, int], names: Sequence[str] | set[str]) -> np.ndarray:
    return np.asarray(sorted({index[name] for name in names if name in index}), np.int32)


def _all_known(
    entries: NameList | None, names: Iterable[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    if entries is None:
        return None, None
    return _flat([_known(entries.index, image_names) for image_names in names])


def _splits(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _flat(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    flat = np.concatenate(rows) if rows else np.zeros(0)
    return flat.astype(np.int32), _splits([len(row) for row in rows])


def counted_by_image(
    builder_dir: str | PathLike[str],
    train_split: str,
    concepts: NameList,
    forms: ConceptForms | None,
) -> NameList:
    """Returns the concepts with the numbers of training images whose captions have them.

    The order of labels is by their frequency (Sec. 4.1), which differs from a word's occurrences in
    all captions of an image. As for other lists, the whole split is counted, not a part of it.
    """
    vocabularies = Vocabularies(Vocabulary(concepts, "labels"), concepts, forms=forms)
    annotations = read_annotations(builder_dir, train_split.partition("[")[0])
    labelled = labels_of_captions(annotations, vocabularies)
    counts = Counter(label for annotation in labelled for label in annotation.labels)
    return NameList(concepts.names, tuple(counts[name] for name in concepts.names))
