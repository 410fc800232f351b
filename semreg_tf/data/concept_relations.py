"""Positive and negative relations between concepts, from co-occurrence in training images."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.sparse

from semreg_tf.config import ConceptLayersConfig
from semreg_tf.data import batch
from semreg_tf.data.targets import EncodedAnnotations
from semreg_tf.data.vocabulary import Vocabularies

# Coarse to fine: groups, labels, user tags.
LAYER_ORDER = (batch.GROUPS, batch.CONCEPTS, batch.USER_TAGS)


class Relations(NamedTuple):
    """Relations of the concepts of one layer to those of another, 0/1 (concepts, concepts)."""

    positive: np.ndarray
    negative: np.ndarray


def concept_relations(
    encoded: EncodedAnnotations,
    vocabularies: Vocabularies,
    layers: tuple[str, ...],
    config: ConceptLayersConfig,
) -> Mapping[tuple[str, str], Relations]:
    """Returns the relations within each layer and between neighbouring layers, in both directions.

    Two concepts are positively related if log(p(a, b) / (p(a) p(b))) is above `positive_pmi` and at
    least `positive_pictures` images have both. They are negatively related if no image has both
    although more than `negative_expected` such images were to be expected (ours: Hu et al. 2016 use
    WordNet, whose data no dependency provides).

    Args:
      encoded: annotations of the training split.
      vocabularies: the vocabularies of the concepts.
      layers: some of `LAYER_ORDER`, coarse to fine.
      config: the thresholds.

    Returns:
      (layer, other layer) -> relations, float32. Within a layer, each concept is positively related
      to itself.
    """
    rows = _rows(encoded, vocabularies, layers)
    by_layers = {}
    for i, layer in enumerate(layers):
        for other in layers[max(i - 1, 0) : i + 2]:
            positive, negative = _signs(rows[layer], rows[other], config)
            if layer == other:
                np.fill_diagonal(positive, 1.0)
                np.fill_diagonal(negative, 0.0)
            by_layers[layer, other] = Relations(positive, negative)
    return by_layers


def _rows(
    encoded: EncodedAnnotations, vocabularies: Vocabularies, layers: tuple[str, ...]
) -> dict[str, scipy.sparse.csr_array]:
    """Returns the 0/1 matrix (images, concepts) of each layer."""
    flat = {
        batch.GROUPS: (encoded.groups, encoded.group_splits, vocabularies.groups),
        batch.CONCEPTS: (encoded.concepts, encoded.concept_splits, vocabularies.concepts),
        batch.USER_TAGS: (encoded.user_tags, encoded.user_tag_splits, vocabularies.user_tags),
    }
    by_layers = {}
    for layer in layers:
        ids, splits, names = flat[layer]
        shape = len(splits) - 1, len(names)
        by_layers[layer] = scipy.sparse.csr_array((np.ones(len(ids)), ids, splits), shape=shape)
    return by_layers


def _signs(
    first: scipy.sparse.csr_array, second: scipy.sparse.csr_array, config: ConceptLayersConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the positive and the negative relations between the concepts of two layers."""
    together = (first.T @ second).toarray()
    counts = [np.asarray(x.sum(axis=0)).ravel() for x in (first, second)]
    expected = np.outer(*counts) / first.shape[0]
    often = together >= config.positive_pictures
    with np.errstate(divide="ignore", invalid="ignore"):
        positive = often & (np.log(together / expected) > config.positive_pmi)
    negative = (together == 0) & (expected > config.negative_expected)
    return positive.astype(np.float32), negative.astype(np.float32)
