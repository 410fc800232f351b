"""A disk cache of a frozen encoder's features, with keys that depend on all their inputs."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from semreg_tf.data.array_file import GrowingArray, open_whole
from semreg_tf.files.file_lock import FileLock

logger = logging.getLogger(__name__)


def cache_key(weights: Iterable[np.ndarray], **inputs: Any) -> str:
    """Returns a key that depends on the encoder's weights and on all further arguments.

    These are JSON values: encoder, image size, preprocessing, views, split, image ids.
    """
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
    for array in weights:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]


def load_or_compute(
    folder: str | Path,
    key: str,
    shape: tuple[int, int, int],
    compute: Callable[[int], Iterable[np.ndarray]],
    title: str = "features",
) -> np.ndarray:
    """Returns features from the cache, or computes and stores them.

    An interrupted computation continues at the row where it stopped. The file's checksum is
    verified, and a damaged file is computed again, with a warning. If two processes need the same
    features, one waits for the other.

    Args:
      folder: the folder of the cache.
      key: the result of `cache_key`.
      shape: (num_images, views, feature_size).
      compute: first row -> iterable of arrays (rows, views, feature_size) in order.
      title: the name of the features in the log and the progress bar.

    Returns:
      A read-only, memory-mapped array (num_images, views, feature_size) float32.

    Raises:
      ValueError: `compute` yields other shapes, or more or fewer rows.
      OSError: the disk is full or read-only; finished rows are kept.
    """
    path = Path(folder) / f"{key}.npy"
    existed, cached = path.exists(), open_whole(path, shape)
    if cached is None:
        with FileLock(path.with_suffix(".lock"), "folder", path, wait=True) as lock:
            # Another process may have written it meanwhile.
            cached = open_whole(path, shape) if lock.waited or not existed else None
            if cached is None:
                _compute(path, shape, compute, title)
                return np.load(path, mmap_mode="r")
    logger.info("%s: read from %s", title.capitalize(), path)
    return cached


def _compute(
    path: Path,
    shape: tuple[int, int, int],
    compute: Callable[[int], Iterable[np.ndarray]],
    title: str,
) -> None:
    """Computes and writes the rows that an earlier run did not."""
    num_images, size_mib = shape[0], 4 * np.prod(shape) / 2**20
    values = (title.capitalize(), num_images, size_mib, path)
    logger.info("%s of %d images: computed once, %.0f MiB in %s", *values)
    array = GrowingArray(path, shape)
    try:
        with tqdm(total=num_images, initial=array.done, unit="image", desc=title) as bar:
            # All rows exist if a run was stopped between its last row and the renaming.
            for block in compute(array.done) if array.done < num_images else ():
                if block.shape[1:] != shape[1:] or array.done + len(block) > num_images:
                    raise ValueError(
                        f"`compute` must yield rows of {shape[1:]}, {num_images} in all. "
                        f"Received: {block.shape} after {array.done} rows"
                    )
                array.append(block)
                bar.update(len(block))
        if array.done != num_images:
            raise ValueError(
                f"`compute` must yield {num_images} rows in all. Received: {array.done} rows"
            )
        array.finish()
    finally:
        array.close()
