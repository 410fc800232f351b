"""N-gram similarity of many pairs of sentences: CIDEr-D of a pair, and n-gram F1."""

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
    """Ids and counts of the distinct n-grams of sentences.

    Attributes:
      ids: ids of the n-grams of all sentences, concatenated, (entries,) int64.
      counts: how often each occurs in its sentence, (entries,) float64.
      splits: bounds of the sentences in both, (sentences + 1,) int64.
      lengths: words of each sentence, (sentences,) int64.
    """

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
          images: indices of images in the references, (images,) int.
          similarity: "cider": CIDEr-D with the caption as the only reference and document
            frequencies of all references, without its factor of ten; "bleu": the mean over
            n = 1..4 of the F1 of clipped n-gram counts.

        Returns:
          Values in 0..1, (hypotheses, captions of the images) float64.

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
        # N-grams that occur in no caption get ids behind those of the captions.
        new: dict[tuple[str, ...], int] = {}
        hypothesis_counts = _count(hypotheses, self._index, new)
        new_sizes = np.array([len(ngram) for ngram in new], np.int64)
        sizes = np.concatenate([self._sizes, new_sizes])
        idf = np.concatenate([self._idf, np.full(len(new_sizes), self._log_images)])
        columns = np.unique(hypothesis_counts.ids)
        hypothesis_matrix = _dense(hypothesis_counts, np.arange(len(hypotheses)), columns)
        caption_matrix = _dense(self._captions, captions, columns)
        of_n = [sizes[columns] == n for n in range(1, _MAX_N + 1)]
        lengths = hypothesis_counts.lengths, self._captions.lengths[captions]
        if similarity == "bleu":
            return _f1(hypothesis_matrix, caption_matrix, of_n, *lengths)
        norms = _norms(hypothesis_counts, sizes, idf), self._norms[captions]
        differences = lengths[0][:, None] - lengths[1][None, :]
        weighted = hypothesis_matrix * idf[columns], caption_matrix * idf[columns]
        return _cosines(*weighted, of_n, *norms) * np.exp(-(differences**2) / (2 * _SIGMA**2))

    def _image_frequency(self) -> np.ndarray:
        """Returns the number of images whose captions have each n-gram."""
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
    """Counts n-grams; those that are not in `known` are added to `new` with ids behind it."""
    ids: list[int] = []
    counts: list[int] = []
    sizes: list[int] = []
    for tokens in sentences:
        ngram_counts = collections.Counter(_ngrams(tokens))
        for ngram in ngram_counts:
            ngram_id = known.get(ngram)
            if ngram_id is None:
                ngram_id = len(known) + new.setdefault(ngram, len(new))
            ids.append(ngram_id)
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
    """Returns the indices of all entries of some rows, and for each the index into `rows`."""
    sizes = counts.splits[rows + 1] - counts.splits[rows]
    owners = np.repeat(np.arange(len(rows)), sizes)
    offsets = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return counts.splits[rows][owners] + offsets, owners


def _dense(counts: _Counts, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the counts in sentences of the n-grams `columns`, ascending ids, (rows, columns)."""
    matrix = np.zeros((len(rows), len(columns)))
    if not len(columns):
        return matrix
    entries, owners = _entries(counts, rows)
    ids = counts.ids[entries]
    positions = np.minimum(np.searchsorted(columns, ids), len(columns) - 1)
    is_column = columns[positions] == ids
    matrix[owners[is_column], positions[is_column]] = counts.counts[entries][is_column]
    return matrix


def _norms(counts: _Counts, sizes: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """Returns the norms of the tf-idf vectors of each n, (sentences, 4)."""
    sentences = len(counts.lengths)
    owners = np.repeat(np.arange(sentences), np.diff(counts.splits))
    squares = (counts.counts * idf[counts.ids]) ** 2
    cells = owners * _MAX_N + sizes[counts.ids] - 1
    return np.sqrt(np.bincount(cells, squares, sentences * _MAX_N)).reshape(sentences, _MAX_N)


def _clipped(hypotheses: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """Returns the minimum of both for each pair, (hypotheses, captions, columns)."""
    return np.minimum(hypotheses[:, None, :], captions[None, :, :])


def _cosines(
    hypotheses: np.ndarray,
    captions: np.ndarray,
    of_n: list[np.ndarray],
    hypothesis_norms: np.ndarray,
    caption_norms: np.ndarray,
) -> np.ndarray:
    """Returns the mean over n of the clipped tf-idf cosines, (hypotheses, captions)."""
    total = np.zeros((len(hypotheses), len(captions)))
    for n, columns in enumerate(of_n):
        vectors = captions[:, columns]
        products = np.einsum("hcg,cg->hc", _clipped(hypotheses[:, columns], vectors), vectors)
        norms = hypothesis_norms[:, n, None] * caption_norms[None, :, n]
        total += np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return total / _MAX_N


def _f1(
    hypotheses: np.ndarray,
    captions: np.ndarray,
    of_n: list[np.ndarray],
    hypothesis_lengths: np.ndarray,
    caption_lengths: np.ndarray,
) -> np.ndarray:
    """Returns the mean over n of the F1 of clipped counts, (hypotheses, captions)."""
    total = np.zeros((len(hypotheses), len(captions)))
    for n, columns in enumerate(of_n, 1):
        matches = _clipped(hypotheses[:, columns], captions[:, columns]).sum(-1)
        sizes = [np.maximum(x - n + 1, 0) for x in (hypothesis_lengths, caption_lengths)]
        sums = sizes[0][:, None] + sizes[1][None, :]
        total += np.divide(2 * matches, sums, out=np.zeros_like(matches), where=sums > 0)
    return total / _MAX_N
