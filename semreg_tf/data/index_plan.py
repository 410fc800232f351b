"""The examples of each training step, which depend only on seed and step."""

import functools

import numpy as np

# Number of batches that are sorted by length together, to reduce padding.
BATCHES_PER_BUCKETING = 64


def batches_per_epoch(num_examples: int, batch_size: int) -> int:
    """Returns the number of full batches in an epoch, at least 1."""
    return max(1, num_examples // batch_size)


class IndexPlan:
    """The examples of each step; every epoch is a permutation.

    Args:
      num_examples: number of examples; fewer than `batch_size` are one batch.
      batch_size: examples per step.
      seed: determines the permutations, together with the epoch.
      lengths: lengths of the examples, (num_examples,), to batch similar lengths together; None: do
        not.
      rows: rows of the examples in the split, (num_examples,); None: 0, 1, 2, ...

    Example:
      >>> IndexPlan(4, 2, seed=0).batch(0).shape
      (2,)
    """

    def __init__(
        self,
        num_examples: int,
        batch_size: int,
        seed: int,
        lengths: np.ndarray | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        self._num_examples, self._batch_size, self._seed = num_examples, batch_size, seed
        self._lengths, self._rows = lengths, rows
        # Two epochs: pictures are read some steps ahead of their annotations.
        self._batches = functools.lru_cache(maxsize=2)(self._draw)

    def batch(self, step: int) -> np.ndarray:
        """Returns the rows of a step's examples, (batch,) int64."""
        epoch, index = divmod(int(step), batches_per_epoch(self._num_examples, self._batch_size))
        examples = self._batches(epoch)[index]
        return examples if self._rows is None else self._rows[examples]

    def _draw(self, epoch: int) -> list[np.ndarray]:
        size = self._batch_size
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(self._num_examples)
        order = order[: batches_per_epoch(self._num_examples, size) * size]
        if self._lengths is not None:
            return _bucketed(order, self._lengths, size, generator)
        return [order[i : i + size] for i in range(0, len(order), size)]


def _bucketed(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Returns batches of similar lengths: `order` sorted in chunks, and the batches shuffled."""
    chunk = batch_size * BATCHES_PER_BUCKETING
    batches = []
    for start in range(0, len(order), chunk):
        part = order[start : start + chunk]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def check_share(num_examples: int, batch_size: int, num_workers: int, worker: int) -> None:
    """Refuses a number of workers among which the global batch or the split cannot be divided.

    Raises:
      ValueError: the batch size is not a multiple of the workers, `worker` is out of range, or
        there are fewer examples than workers.
    """
    if batch_size % num_workers:
        raise ValueError(
            f"`batch_size` must be a multiple of the {num_workers} workers. "
            f"Received: batch_size={batch_size}"
        )
    if not 0 <= worker < num_workers:
        raise ValueError(
            f"`worker` must be at least 0 and below the number of workers, {num_workers}. "
            f"Received: worker={worker}"
        )
    if num_examples < num_workers:
        raise ValueError(
            f"`num_workers` must be at most the {num_examples} examples of the split. "
            f"Received: num_workers={num_workers}"
        )
