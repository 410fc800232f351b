"""Similarity of sentences by n-grams, many pairs at once: CIDEr-D of a pair, and n-gram F1."""

import collections
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

SIMILARITIES = ("cider", "bleu")
_MAX_N = 4
# CIDEr-D's tolerance for a difference in length, in words.
_SIGMA = 6.0


class _Counts(NamedTuple):
    """The distinct n-grams of sentences: ids and counts, bounded by splits; lengths in words."""

    ids: np.ndarray
    counts: np.ndarray
    splits: np.ndarray
    lengths: np.ndarray


class NgramSimilarity:
    """Compares sentences with the captions of images.

    Args:
      references: the tokens of every caption of each image.

    Raises:
      ValueError: there is no image.

    Example:
      >>> similarity = NgramSimilarity([[["a", "dog"], ["one", "dog"]], [["a", "cat"]]])
      >>> similarity.compare([["a", "dog"]], np.array([0, 1]), "bleu")
      array([[0.5  , 0.125, 0.125]])
    """

    def __init__(self, references: Sequence[Sequence[Sequence[str]]]) -> None:
        if not references:
            raise ValueError("`references` must hold at least one image. Received: none")
        self._index: dict[tuple[str, ...], int] = {}
        self._captions = _count(
            [tokens for captions in references for tokens in captions], {}, self._index
        )
        self._caption_splits = np.cumsum([0, *map(len, references)])
        self._log_images = math.log(len(references))
        frequency = self._image_frequency()
        self._idf = self._log_images - np.log(np.maximum(frequency, 1))
        self._sizes = np.array([len(ngram) for ngram in self._index], np.int64)
        self._norms = _norms(self._captions, self._sizes, self._idf)

    @property
    def num_captions(self) -> np.ndarray:
        """Captions of each image, (images,) int64."""
        return np.diff(self._caption_splits)

    def compare(
        self, hypotheses: Sequence[Sequence[str]], images: np.ndarray, similarity: str
    ) -> np.ndarray:
        """Compares hypotheses with every caption of some images.

        Args:
          hypotheses: tokens of each.
          images: places among the references, (images,) int.
          similarity: "cider": CIDEr-D with the pair's caption as the one reference and document
            frequencies of the references, without its factor of ten; "bleu": the mean over
            n = 1..4 of the F1 of clipped n-gram counts.

        Returns:
          0..1, (hypotheses, captions of the images in their order) float64.

        Raises:
          ValueError: the similarity is unknown.
        """
        if similarity not in SIMILARITIES:
            raise ValueError(
                f"`similarity` must be one of {', '.join(SIMILARITIES)}. "
                f"Received: similarity={similarity!r}"
            )
        bounds = self._caption_splits
        captions = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in images])
        # N-grams that no caption has get ids of their own, behind the known.
        new: dict[tuple[str, ...], int] = {}
        hypothesis_counts = _count(hypotheses, self._index, new)
        new_sizes = np.array([len(ngram) for ngram in new], np.int64)
        sizes = np.concatenate([self._sizes, new_sizes])
        idf = np.concatenate([self._idf, np.full(len(new_sizes), self._log_images)])
        columns = np.unique(hypothesis_counts.ids)
        mine = _dense(hypothesis_counts, np.arange(len(hypotheses)), columns)
        theirs = _dense(self._captions, captions, columns)
        of_n = [sizes[columns] == n for n in range(1, _MAX_N + 1)]
        lengths = self._captions.lengths[captions]
        if similarity == "bleu":
            return _f1(mine, theirs, of_n, hypothesis_counts.lengths, lengths)
        norms = _norms(hypothesis_counts, sizes, idf), self._norms[captions]
        gaps = hypothesis_counts.lengths[:, None] - lengths[None, :]
        weighted = _cosines(mine * idf[columns], theirs * idf[columns], of_n, *norms)
        return weighted * np.exp(-(gaps**2) / (2 * _SIGMA**2))

    def _image_frequency(self) -> np.ndarray:
        """Returns in how many images' captions each n-gram occurs."""
        of_caption = np.repeat(
            np.arange(len(self._caption_splits) - 1), np.diff(self._caption_splits)
        )
        image = np.repeat(of_caption, np.diff(self._captions.splits))
        distinct = np.unique(self._captions.ids * (len(self._caption_splits) - 1) + image)
        grams = distinct // (len(self._caption_splits) - 1)
        return np.bincount(grams, minlength=len(self._index))


def _count(
    sentences: Sequence[Sequence[str]],
    known: dict[tuple[str, ...], int],
    new: dict[tuple[str, ...], int],
) -> _Counts:
    """Counts n-grams; those that `known` lacks get ids behind it, which are added to `new`."""
    ids: list[int] = []
    counts: list[int] = []
    sizes: list[int] = []
    for tokens in sentences:
        ngram_counts = collections.Counter(_ngrams(tokens))
        for ngram in ngram_counts:
            place = known.get(ngram)
            ids.append(len(known) + new.setdefault(ngram, len(new)) if place is None else place)
        counts += ngram_counts.values()
        sizes.append(len(ngram_counts))
    lengths = np.array([len(tokens) for tokens in sentences], np.int64)
    splits = np.cumsum([0, *sizes])
    return _Counts(np.array(ids, np.int64), np.array(counts, np.float64), splits, lengths)


def _ngrams(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for n in range(1, _MAX_N + 1):
        for i in range(len(tokens) - n + 1):
            yield tuple(tokens[i : i + n])


def _entries(counts: _Counts, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the rows' entries, and the row's place among `rows` of each."""
    sizes = counts.splits[rows + 1] - counts.splits[rows]
    owners = np.repeat(np.arange(len(rows)), sizes)
    offsets = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return counts.splits[rows][owners] + offsets, owners


def _dense(counts: _Counts, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the counts of the n-grams `columns`, rising ids, in sentences, (rows, columns)."""
    matrix = np.zeros((len(rows), len(columns)))
    if not len(columns):
        return matrix
    entries, owners = _entries(counts, rows)
    ids = counts.ids[entries]
    places = np.minimum(np.searchsorted(columns, ids), len(columns) - 1)
    there = columns[places] == ids
    matrix[owners[there], places[there]] = counts.counts[entries][there]
    return matrix


def _norms(counts: _Counts, sizes: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """Returns the lengths of the tf-idf vectors of each n, (sentences, 4)."""
    sentences = len(counts.lengths)
    owners = np.repeat(np.arange(sentences), np.diff(counts.splits))
    squares = (counts.counts * idf[counts.ids]) ** 2
    places = owners * _MAX_N + sizes[counts.ids] - 1
    return np.sqrt(np.bincount(places, squares, sentences * _MAX_N)).reshape(sentences, _MAX_N)


def _clipped(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Returns the smaller of both for each pair, (hypotheses, captions, columns)."""
    return np.minimum(mine[:, None, :], theirs[None, :, :])


def _cosines(
    mine: np.ndarray,
    theirs: np.ndarray,
    of_n: list[np.ndarray],
    my_norms: np.ndarray,
    their_norms: np.ndarray,
) -> np.ndarray:
    total = np.zeros((len(mine), len(theirs)))
    for n, chosen in enumerate(of_n):
        other = theirs[:, chosen]
        products = np.einsum("hcg,cg->hc", _clipped(mine[:, chosen], other), other)
        norms = my_norms[:, n, None] * their_norms[None, :, n]
        total += np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return total / _MAX_N


def _f1(
    mine: np.ndarray,
    theirs: np.ndarray,
    of_n: list[np.ndarray],
    my_lengths: np.ndarray,
    their_lengths: np.ndarray,
) -> np.ndarray:
    total = np.zeros((len(mine), len(theirs)))
    for n, chosen in enumerate(of_n, 1):
        matches = _clipped(mine[:, chosen], theirs[:, chosen]).sum(-1)
        sizes = [np.maximum(lengths - n + 1, 0) for lengths in (my_lengths, their_lengths)]
        both = sizes[0][:, None] + sizes[1][None, :]
        total += np.divide(2 * matches, both, out=np.zeros_like(matches), where=both > 0)
    return total / _MAX_N
