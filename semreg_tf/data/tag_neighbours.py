"""The images with the most similar user tags (Johnson et al. 2015).

The Jaccard similarity of two tag sets is |a and b| / |a or b|. The numbers of shared tags are a
product of sparse matrices, which is computed row by row to save memory.
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

# Number of images whose neighbours are computed and stored together.
BLOCK_ROWS = 256
# Tags on a larger fraction of the pool's images are stored as dense columns.
_FREQUENT = 1 / 64
# Number of a row's similarities that are sampled for a lower bound.
_SAMPLED = 4_096
# Row numbers are cached as float32, which is exact below this.
_MOST_IMAGES = 1 << 24


@dataclass(frozen=True)
class TagSets:
    """The user tags of a list of images.

    Attributes:
      image_ids: ids of the images, (images,).
      ids: int array, the concatenated tag ids of all images, distinct within an image.
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
    """Each image's nearest images by user tags, and their features.

    Attributes:
      rows: rows of `features`, (images, neighbours) int64, the nearest first; -1 for missing ones.
      features: features of the pool of possible neighbours, (pool images, views, d).
    """

    rows: np.ndarray
    features: np.ndarray

    def tensors(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the neighbours' features (centre view) and their mask for rows of the split.

        Returns:
          `neighbour_features` (batch, neighbours, d) float32, 0 for missing neighbours, and
          `neighbour_mask` (batch, neighbours) bool.
        """

        def read(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            rows = self.rows[images]
            mask = rows >= 0
            features = np.asarray(self.features[np.maximum(rows, 0), 0], np.float32)
            return features * mask[..., None], mask

        types = tf.float32, tf.bool
        features, mask = tf.numpy_function(read, (images,), types, stateful=False)
        count = self.rows.shape[1]
        features.set_shape((None, count, self.features.shape[-1]))
        mask.set_shape((None, count))
        return {batch.NEIGHBOUR_FEATURES: features, batch.NEIGHBOUR_MASK: mask}


def nearest_by_tags(
    images: TagSets, pool: TagSets, count: int, first: int = 0
) -> Iterator[np.ndarray]:
    """Yields the `count` nearest images of the pool for each image from `first` on, block by block.

    Where the paper is silent (ours): ties follow the order of the pool, an image is never its own
    neighbour, and images without a common tag are not neighbours.

    Yields:
      Rows of the pool, (block, count) int64, the nearest first, -1 for missing neighbours.
    """
    tags, product = images.matrix(), _Product(pool)
    pool_row = {image_id: row for row, image_id in enumerate(pool.image_ids)}

    def of_block(start: int) -> np.ndarray:
        rows = range(start, min(start + BLOCK_ROWS, len(images)))
        neighbours = np.full((len(rows), count), -1, np.int64)
        for i, row in enumerate(rows):
            ids = tags.indices[tags.indptr[row] : tags.indptr[row + 1]]
            nearest = product.nearest(ids, pool_row.get(images.image_ids[row]), count)
            neighbours[i, : len(nearest)] = nearest
        return neighbours

    starts = range(first, len(images), BLOCK_ROWS)
    # Threads help because NumPy releases the GIL; `map` keeps the order.
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as workers:
        for at in range(0, len(starts), threads):
            yield from workers.map(of_block, starts[at : at + threads])


class _Product:
    """The products of one tag set with all those of the pool, and its nearest images.

    The columns of frequent tags are dense, because adding 200,000 contiguous numbers is many times
    as fast as adding at 50,000 scattered positions.
    """

    def __init__(self, pool: TagSets) -> None:
        matrix = pool.matrix()
        self._sizes = np.diff(matrix.indptr).astype(np.float32)
        by_tag = matrix.T.tocsr()
        self._by_tag = by_tag.indices, by_tag.indptr
        frequent = np.flatnonzero(np.diff(by_tag.indptr) > _FREQUENT * len(pool))
        # Large enough for the number of tags of any image.
        self._kind = np.uint8 if self._sizes.max(initial=0) < 256 else np.uint16
        self._dense = {int(tag): by_tag[[tag]].toarray()[0].astype(self._kind) for tag in frequent}

    def nearest(self, tags: np.ndarray, excluded: int | None, count: int) -> np.ndarray:
        """Returns the at most `count` rows of the pool nearest to a tag set, except `excluded`."""
        shared = np.zeros(len(self._sizes), self._kind)
        indices, splits = self._by_tag
        for tag in tags.tolist():
            if tag in self._dense:
                shared += self._dense[tag]
            else:
                shared[indices[splits[tag] : splits[tag + 1]]] += 1
        if excluded is not None:
            shared[excluded] = 0
        # Different quotients of integers below 2,000 also differ in float32.
        counts = shared.astype(np.float32)
        similarity = counts / np.maximum(self._sizes + (len(tags) - counts), 1.0)
        # The count-th largest of a sample is a lower bound, which leaves few rows to sort.
        sample = similarity[:: len(similarity) // _SAMPLED + 1]
        bound = np.partition(sample, -count)[-count] if len(sample) > count else 0.0
        rows = np.flatnonzero((similarity >= bound) & (shared > 0))
        order = np.argsort(-similarity[rows], kind="stable")[:count]
        return rows[order]


def load_or_find(folder: str | Path, images: TagSets, pool: TagSets, count: int) -> np.ndarray:
    """Returns `nearest_by_tags` of all images from a disk cache, see `features_cache`.

    Returns:
      (images, count) int64.

    Raises:
      ValueError: the pool has 16,777,216 images or more.
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
        for rows in nearest_by_tags(images, pool, count, first):
            yield rows[:, None]

    shape = (len(images), 1, count)
    cached = features_cache.load_or_compute(folder, key, shape, compute, "tag neighbours")
    return np.asarray(cached[:, 0], np.int64)
