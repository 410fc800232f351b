"""N-gram similarity of many pairs of sentences: CIDEr-D of a pair, and n-gram F1."""

import collections
import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

SIMILARITIES = ("cider", "bleu")
_MAX_N = 4
# CIDEr-D's tolerance for a difference in length, in words.
_SIGMA = 6.0


class NgramSimilarity:
    """Compares sentences with the captions of images; both are lists of tokens.

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
        captions = [tokens for of_image in references for tokens in of_image]
        self._captions = _count(captions, {}, self._index)
        self._lengths = _lengths(captions)
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
        counted = _count(hypotheses, self._index, new)
        new_sizes = np.array([len(ngram) for ngram in new], np.int64)
        sizes = np.concatenate([self._sizes, new_sizes])
        idf = np.concatenate([self._idf, np.full(len(new_sizes), self._log_images)])
        columns = np.unique(counted.indices)
        known = columns[columns < len(self._index)]
        hypothesis_matrix = counted[:, columns].toarray()
        caption_matrix = np.zeros((len(captions), len(columns)))
        caption_matrix[:, : len(known)] = self._captions[captions][:, known].toarray()
        of_n = [sizes[columns] == n for n in range(1, _MAX_N + 1)]
        lengths = _lengths(hypotheses), self._lengths[captions]
        if similarity == "bleu":
            return _f1(hypothesis_matrix, caption_matrix, of_n, *lengths)
        norms = _norms(counted, sizes, idf), self._norms[captions]
        differences = lengths[0][:, None] - lengths[1][None, :]
        weighted = hypothesis_matrix * idf[columns], caption_matrix * idf[columns]
        return _cosines(*weighted, of_n, *norms) * np.exp(-(differences**2) / (2 * _SIGMA**2))

    def _image_frequency(self) -> np.ndarray:
        """Returns the number of images whose captions have each n-gram."""
        ids, bounds = self._captions.indices.copy(), self._captions.indptr[self._caption_splits]
        by_image = csr_array(
            (np.ones(len(ids)), ids, bounds), shape=(len(bounds) - 1, len(self._index))
        )
        by_image.sum_duplicates()
        return np.bincount(by_image.indices, minlength=len(self._index))


def _lengths(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    return np.array([len(tokens) for tokens in sentences], np.int64)


def _count(
    sentences: Sequence[Sequence[str]],
    known: dict[tuple[str, ...], int],
    new: dict[tuple[str, ...], int],
) -> csr_array:
    """Returns counts of n-grams, (sentences, n-grams) float64; the columns are their ids.

    N-grams that are not in `known` are added to `new` with ids behind it.
    """
    ids: list[int] = []
    counts: list[int] = []
    splits = [0]
    for tokens in sentences:
        ngram_counts = collections.Counter(_ngrams(tokens))
        for ngram in ngram_counts:
            ngram_id = known.get(ngram)
            if ngram_id is None:
                ngram_id = len(known) + new.setdefault(ngram, len(new))
            ids.append(ngram_id)
        counts += ngram_counts.values()
        splits.append(len(ids))
    shape = len(sentences), len(known) + len(new)
    return csr_array((np.array(counts, np.float64), ids, splits), shape=shape)


def _ngrams(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for n in range(1, _MAX_N + 1):
        for i in range(len(tokens) - n + 1):
            yield tuple(tokens[i : i + n])


def _norms(counts: csr_array, sizes: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """Returns the norms of the tf-idf vectors of each n, (sentences, 4)."""
    sentences = counts.shape[0]
    owners = np.repeat(np.arange(sentences), np.diff(counts.indptr))
    squares = (counts.data * idf[counts.indices]) ** 2
    cells = owners * _MAX_N + sizes[counts.indices] - 1
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
