"""The graph of concepts against counting, pair by pair."""

import math
from itertools import product

import numpy as np
import pytest

from semreg_tf.config import ConceptLayersConfig, DataConfig
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.concept_relations import LAYER_ORDER, concept_relations
from semreg_tf.data.name_list import NameList
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

CONFIG = ConceptLayersConfig(positive_pmi=0.3, positive_pictures=4, negative_expected=2.0)
SIZES = {"groups": 3, "concepts": 5, "user_tags": 4}


def names_of(prefix, size):
    names = tuple(f"{prefix}{i}" for i in range(size))
    return NameList(names, (1,) * size)


@pytest.fixture(scope="module")
def pictures():
    """Annotations, some with nothing, and their ids."""
    rng = np.random.default_rng(0)

    def some(prefix, size, theme):
        # The last is so rare that its own count says nothing of it.
        odds = [0.8 if i % 3 == theme else 0.1 for i in range(size - 1)] + [0.03]
        return tuple(f"{prefix}{i}" for i in range(size) if rng.random() < odds[i])

    annotations = []
    for i in range(60):
        theme = i % 4
        fields = {"labels": ("concepts", 5), "user_tags": ("user_tags", 4), "groups": ("groups", 3)}
        own = {field: some(*of, theme) for field, of in fields.items()}
        annotations.append(Annotation(str(i), f"{i}.jpg", **own))
    labels = names_of("concepts", 5)
    vocabularies = Vocabularies(
        Vocabulary(labels, "labels"), labels, names_of("user_tags", 4), names_of("groups", 3)
    )
    data = DataConfig(task="tags", num_user_tags=4)
    return annotations, encode_annotations(annotations, vocabularies, data), vocabularies


def test_relations_are_those_of_counting(pictures):
    annotations, encoded, vocabularies = pictures
    found = concept_relations(encoded, vocabularies, LAYER_ORDER, CONFIG)
    # Each layer with itself and with its neighbours, both ways.
    assert len(found) == 3 + 2 * 2
    fields = {"groups": "groups", "concepts": "labels", "user_tags": "user_tags"}
    signs = set()
    for (layer, other), relations in found.items():
        sets = [[set(getattr(a, fields[name])) for a in annotations] for name in (layer, other)]
        for i, j in product(range(SIZES[layer]), range(SIZES[other])):
            first, second = f"{layer}{i}", f"{other}{j}"
            both = sum(first in a and second in b for a, b in zip(*sets, strict=True))
            counts = [
                sum(n in s for s in own) for n, own in zip((first, second), sets, strict=True)
            ]
            expected = counts[0] * counts[1] / 60
            positive = both >= 4 and math.log(both / expected) > 0.3
            negative = both == 0 and expected > 2.0
            if first == second:
                positive, negative = True, False
            got = relations.positive[i, j], relations.negative[i, j]
            assert got == (positive, negative), (first, second)
            signs.add(got)
    assert signs == {(0, 0), (1, 0), (0, 1)}


def test_layers_that_are_not_there_have_no_relations(pictures):
    _, encoded, vocabularies = pictures
    found = concept_relations(encoded, vocabularies, ("concepts",), CONFIG)
    assert set(found) == {("concepts", "concepts")}
