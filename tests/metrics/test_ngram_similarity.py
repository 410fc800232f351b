"""N-gram similarities against a plain count of each pair, and against pycocoevalcap's CIDEr."""

import collections
import math

import numpy as np
import pytest
from pycocoevalcap.cider.cider_scorer import CiderScorer

from semreg_tf.metrics.ngram_similarity import NgramSimilarity

WORDS = ["a", "the", "dog", "cat", "runs", "sits", "on", "red", "big", "mat"]


def ngrams(tokens, n):
    return collections.Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def plain_bleu(one, other):
    values = []
    for n in range(1, 5):
        a, b = ngrams(one, n), ngrams(other, n)
        both = sum(a.values()) + sum(b.values())
        values.append(2 * sum((a & b).values()) / both if both else 0.0)
    return np.mean(values)


def plain_cider(one, other, references):
    values = []
    for n in range(1, 5):
        vectors = []
        for counts in (ngrams(one, n), ngrams(other, n)):
            vector = {}
            for gram, count in counts.items():
                df = sum(any(gram in ngrams(c, n) for c in own) for own in references)
                vector[gram] = count * (math.log(len(references)) - math.log(max(df, 1)))
            vectors.append(vector)
        a, b = vectors
        dot = sum(min(v, b[g]) * b[g] for g, v in a.items() if g in b)
        norm = math.sqrt(sum(v * v for v in a.values())) * math.sqrt(sum(v * v for v in b.values()))
        values.append(dot / norm if norm else 0.0)
    return np.mean(values) * math.exp(-((len(one) - len(other)) ** 2) / 72)


def sentences(rng, number, shortest=2):
    return [rng.choice(WORDS, rng.integers(shortest, 9)).tolist() for _ in range(number)]


@pytest.fixture(scope="module")
def references():
    rng = np.random.default_rng(0)
    return [sentences(rng, rng.integers(1, 4)) for _ in range(12)]


@pytest.mark.parametrize("similarity", ["cider", "bleu"])
def test_every_pair_is_what_counting_gives(references, similarity):
    rng = np.random.default_rng(1)
    # A word that no reference has, an empty hypothesis, one of a single word.
    hypotheses = [*sentences(rng, 4), ["a", "unicorn", "sits", "on"], [], ["dog"]]
    images = np.array([7, 2, 11])
    got = NgramSimilarity(references).compare(hypotheses, images, similarity)
    captions = [c for i in images for c in references[i]]
    want = [
        [
            plain_bleu(h, c) if similarity == "bleu" else plain_cider(h, c, references)
            for c in captions
        ]
        for h in hypotheses
    ]
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_cider_of_an_images_own_captions_is_the_scorers(references):
    rng = np.random.default_rng(2)
    hypotheses = sentences(rng, len(references))
    scorer = CiderScorer(n=4, sigma=6.0)
    for own, hypothesis in zip(references, hypotheses, strict=True):
        scorer += (" ".join(hypothesis), [" ".join(c) for c in own])
    _, want = scorer.compute_score()
    similarity = NgramSimilarity(references)
    got = [
        10 * similarity.compare([h], np.array([i]), "cider").mean()
        for i, h in enumerate(hypotheses)
    ]
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_a_second_question_is_not_changed_by_the_first(references):
    similarity = NgramSimilarity(references)
    asked = ([["a", "red", "unicorn"]], np.array([0, 1]), "cider")
    first = similarity.compare(*asked)
    similarity.compare([["big", "blue", "whale"]], np.array([3]), "bleu")
    np.testing.assert_array_equal(similarity.compare(*asked), first)


def test_refusals(references):
    with pytest.raises(ValueError, match=r"`similarity` must be one of cider, bleu.*'rouge'"):
        NgramSimilarity(references).compare([["a"]], np.array([0]), "rouge")
    with pytest.raises(ValueError, match=r"`references` must hold at least one image"):
        NgramSimilarity([])
