"""The examples of each training step, which depend only on seed and step."""

from collections.abc import Iterator

import numpy as np

# Number of batches that are sorted by length together, to reduce padding.
BATCHES_PER_BUCKETING = 64


def batches_per_epoch(num_examples: int, batch_size: int) -> int:
    """Returns the number of full batches in an epoch, at least 1."""
    return max(1, num_examples // batch_size)


def index_plan(
    num_examples: int,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    lengths: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the steps from `start_step` on with their examples; every epoch is a permutation.

    Args:
      num_examples: number of examples; fewer than `batch_size` are one batch.
      batch_size: examples per step.
      seed: determines the permutations, together with the epoch.
      start_step: number of steps already done.
      lengths: lengths of the examples, (num_examples,), to batch similar lengths together; None: do
        not.
      rows: rows of the examples in the split, (num_examples,); None: 0, 1, 2, ...

    Yields:
      The step, and its examples' rows, (batch,) int64.
    """
    per_epoch = batches_per_epoch(num_examples, batch_size)
    step = start_step
    while True:
        epoch, first = divmod(step, per_epoch)
        generator = np.random.default_rng([seed, epoch])
        order = generator.permutation(num_examples)[: per_epoch * batch_size]
        if lengths is None:
            batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        else:
            batches = _bucketed(order, lengths, batch_size, generator)
        for indices in batches[first:]:
            yield step, indices if rows is None else rows[indices]
            step += 1


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
