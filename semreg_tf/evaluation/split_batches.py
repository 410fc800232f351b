"""A split in batches, as each of several models reads it."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches

BATCH_SIZE = 64


class SplitBatches:
    """Goes through the images of a split once, in order, without their ids.

    Attributes:
      split: the split.
      spec: shapes and types of a batch, for `input_signature`.

    Args:
      inputs: what each model reads, of one split.
      batch_size: images at once; the last batch may be smaller.
      rows: these images of the split alone, in this order; None: all.
      progress: text of a progress bar, or None.
    """

    def __init__(
        self,
        inputs: Sequence[Inputs],
        batch_size: int = BATCH_SIZE,
        rows: np.ndarray | None = None,
        progress: str | None = None,
    ) -> None:
        self.split = inputs[0].split
        self._progress, self._dataset = (
            progress,
            tf.data.Dataset.zip(tuple(evaluation_batches(own, batch_size, rows) for own in inputs)),
        )
        number = self.split.num_images if rows is None else len(rows)
        self._num_batches = -(-number // batch_size)
        self.spec = tuple(map(_without_ids, self._dataset.element_spec))

    def __iter__(self) -> Iterator[tuple[dict[str, tf.Tensor], ...]]:
        """Yields a batch of each model's inputs, by the contract's names."""
        bar = self._progress
        for tensors in tqdm(self._dataset, bar, self._num_batches, disable=bar is None):
            yield tuple(map(_without_ids, tensors))


def _without_ids(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: value for name, value in tensors.items() if name != batch.IMAGE_ID}
