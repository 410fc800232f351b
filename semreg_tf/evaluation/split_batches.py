"""Batches of a split with the inputs of each of several models."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches

BATCH_SIZE = 64


class SplitBatches:
    """Iterates once over the images of a split, in order, without their ids.

    Attributes:
      split: the split.
      spec: shapes and dtypes of a batch, for `input_signature`.

    Args:
      inputs: each model's inputs, of one split.
      batch_size: images of a batch; the last batch may be smaller.
      rows: indices of the images to read, in this order; None: all.
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
        self._progress = progress
        self._dataset = tf.data.Dataset.zip(
            tuple(evaluation_batches(model_inputs, batch_size, rows) for model_inputs in inputs)
        )
        num_images = self.split.num_images if rows is None else len(rows)
        self._num_batches = -(-num_images // batch_size)
        self.spec = tuple(map(_without_ids, self._dataset.element_spec))

    def __iter__(self) -> Iterator[tuple[dict[str, tf.Tensor], ...]]:
        """Yields one dict per model, named as in `data.batch`."""
        bar = self._progress
        for tensors in tqdm(self._dataset, bar, self._num_batches, disable=bar is None):
            yield tuple(map(_without_ids, tensors))


def _without_ids(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: value for name, value in tensors.items() if name != batch.IMAGE_ID}
