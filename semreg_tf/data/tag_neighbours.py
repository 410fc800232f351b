"""The pictures whose user tags are most alike (Johnson et al. 2015), by sparse products.

The Jaccard similarity of two tag sets is |a and b| / |a or b|. The numbers of shared tags are a
product of sparse matrices, of which one row at a time is there: memory is that of a few rows.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse
import tensorflow as tf

from semreg_tf.data import batch, features_cache

# Pictures whose neighbours are stored at once.
BLOCK_ROWS = 256
# Tags of a larger share of the pool have their column stored dense.
_FREQUENT = 1 / 64
# Of a row's similarities, from which a first bound on the nearest is read.
_SAMPLED = 4_096
# Row numbers are cached as float32, which is exact up to here.
_MOST_IMAGES = 1 << 24


@dataclass(frozen=True)
class TagSets:
    """The user tags of a list of pictures.

    Attributes:
      image_ids: the pictures, (images,).
      ids: int array, all pictures' tag ids one after another, each once a picture.
      row_splits: int array, (images + 1,).
      num_tags: size of the vocabulary.
    """

    image_ids: np.ndarray
    ids: np.ndarray
    row_splits: np.ndarray
    num_tags: int

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def matrix(self) -> scipy.sparse.csr_array:
        """Returns the 0/1 matrix (images, num_tags)."""
        ones = np.ones(len(self.ids), np.int32)
        shape = len(self), self.num_tags
        return scipy.sparse.csr_array((ones, self.ids, self.row_splits), shape=shape)


@dataclass(frozen=True)
class Neighbours:
    """Each picture's nearest pictures by user tags, and what is read of those.

    Attributes:
      rows: (images, neighbours) int64, rows of `features`, the nearest first; -1 where there are
        fewer.
      features: of the pictures among which they were sought, (pictures, views, d).
    """

    rows: np.ndarray
    features: np.ndarray

    def tensors(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the keys of the contract for rows of the split, (batch,) int64.

        The centre view is read; a neighbour that is not there is 0 and false in the mask.
        """

        def read(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            rows = self.rows[images]
            there = rows >= 0
            found = np.asarray(self.features[np.maximum(rows, 0), 0], np.float32)
            return found * there[..., None], there

        types = tf.float32, tf.bool
        features, there = tf.numpy_function(read, (images,), types, stateful=False)
        count = self.rows.shape[1]
        features.set_shape((None, count, self.features.shape[-1]))
        there.set_shape((None, count))
        return {batch.NEIGHBOUR_FEATURES: features, batch.NEIGHBOUR_MASK: there}


def nearest_by_tags(
    images: TagSets, pool: TagSets, count: int, first: int = 0
) -> Iterator[np.ndarray]:
    """Yields each picture's nearest in the pool, block by block.

    The readings where the paper is silent are ours: equal similarities go by the order of the
    pool, a picture is never its own neighbour, and a picture without a tag in common with it is
    none.

    Args:
      images: whose neighbours are sought.
      pool: among which.
      count: neighbours of a picture, at most.
      first: the picture to begin with.

    Yields:
      (rows, count) int64: rows of the pool, the nearest first, -1 where there are fewer.
    """
    tags, product = images.matrix(), _Product(pool)
    place = {image_id: row for row, image_id in enumerate(pool.image_ids)}
    own = [place.get(image_id) for image_id in images.image_ids]

    def of_block(start: int) -> np.ndarray:
        rows = range(start, min(start + BLOCK_ROWS, len(images)))
        found = np.full((len(rows), count), -1, np.int64)
        for i, row in enumerate(rows):
            ids = tags.indices[tags.indptr[row] : tags.indptr[row + 1]]
            nearest = product.nearest(ids, own[row], count)
            found[i, : len(nearest)] = nearest
        return found

    starts = range(first, len(images), BLOCK_ROWS)
    # NumPy's loops release Python's lock; the answers come in order, a few blocks ahead.
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as workers:
        for at in range(0, len(starts), threads):
            yield from workers.map(of_block, starts[at : at + threads])


class _Product:
    """The product of one row with the transpose of the pool's matrix, and its largest quotients.

    The columns of frequent tags are stored dense: adding 200,000 numbers in a row is many times as
    fast as adding at 50,000 places.
    """

    def __init__(self, pool: TagSets) -> None:
        matrix = pool.matrix()
        self._sizes = np.diff(matrix.indptr).astype(np.float32)
        by_tag = matrix.T.tocsr()
        self._by_tag = by_tag.indices, by_tag.indptr
        frequent = np.flatnonzero(np.diff(by_tag.indptr) > _FREQUENT * len(pool))
        # Counts of shared tags fit: no picture has as many.
        self._kind = np.uint8 if self._sizes.max(initial=0) < 256 else np.uint16
        self._dense = {int(tag): by_tag[[tag]].toarray()[0].astype(self._kind) for tag in frequent}

    def nearest(self, tags: np.ndarray, own: int | None, count: int) -> np.ndarray:
        """Returns the rows of the pool that are nearest to a set of tags, at most `count`."""
        shared = np.zeros(len(self._sizes), self._kind)
        indices, splits = self._by_tag
        for tag in tags.tolist():
            if tag in self._dense:
                shared += self._dense[tag]
            else:
                shared[indices[splits[tag] : splits[tag + 1]]] += 1
        if own is not None:
            shared[own] = 0
        # Quotients of whole numbers below 2,000 differ in float32 where they differ.
        counts = shared.astype(np.float32)
        similarity = counts / np.maximum(self._sizes + (len(tags) - counts), 1.0)
        # What some of them reach, the nearest of all reach too: few are left to be sorted.
        sample = similarity[:: len(similarity) // _SAMPLED + 1]
        bound = np.partition(sample, -count)[-count] if len(sample) > count else 0.0
        rows = np.flatnonzero((similarity >= bound) & (shared > 0))
        order = np.argsort(-similarity[rows], kind="stable")[:count]
        return rows[order]


def load_or_find(folder: str | Path, images: TagSets, pool: TagSets, count: int) -> np.ndarray:
    """Returns `nearest_by_tags` of all pictures, computed once and kept on disk.

    The file's key is of everything the neighbours hang on, so other user tags, pictures or
    neighbours are other files; an interrupted search goes on where it stopped, and a damaged file
    is told and made again.

    Returns:
      (images, count) int64.

    Raises:
      ValueError: the pool has 16,777,216 pictures or more.
    """
    if len(pool) >= _MOST_IMAGES:
        raise ValueError(
            f"`pool` must have fewer than {_MOST_IMAGES:,} pictures. Received: {len(pool):,}"
        )
    key = features_cache.cache_key(
        (np.asarray(x, np.int64) for s in (images, pool) for x in (s.ids, s.row_splits)),
        neighbours_by="Jaccard similarity of user tags",
        count=count,
        image_ids=[[str(i) for i in s.image_ids] for s in (images, pool)],
    )

    def compute(first: int) -> Iterator[np.ndarray]:
        for found in nearest_by_tags(images, pool, count, first):
            yield found[:, None]

    shape = (len(images), 1, count)
    made = features_cache.load_or_compute(folder, key, shape, compute, "tag neighbours")
    return np.asarray(made[:, 0], np.int64)
