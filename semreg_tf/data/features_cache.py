"""A frozen encoder's features, computed once and kept on disk under a key that cannot go stale."""

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


def cache_key(weights: Iterable[np.ndarray], **described: Any) -> str:
    """Returns a key of the encoder's weights and of everything said in `described`.

    Args:
      weights: the encoder's variables as arrays.
      **described: JSON values: encoder, image size, preprocessing, views, split, image ids.
    """
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for array in weights:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]


def load_or_compute(
    folder: str | Path,
    key: str,
    shape: tuple[int, int, int],
    compute: Callable[[int], Iterable[np.ndarray]],
    what: str = "features",
) -> np.ndarray:
    """Returns features (num_images, views, feature_size) float32, memory-mapped.

    What is computed is written under another name, with the rows done, and renamed at the end:
    an interrupted run goes on at the row where it stopped. A checksum beside the file is checked
    when it is opened, and a damaged one is told and computed again. A second process that needs
    the same features waits for the first.

    Args:
      folder: where caches live.
      key: from `cache_key`.
      shape: (num_images, views, feature_size).
      compute: given the first row, yields arrays (rows, views, feature_size) in order.
      what: what they are, for the log and the progress bar.

    Returns:
      A read-only array.

    Raises:
      ValueError: `compute` yields other shapes, or more or fewer rows.
      OSError: the disk is full or read-only; the rows done are kept.
    """
    path = Path(folder) / f"{key}.npy"
    there, cached = path.exists(), open_whole(path, shape)
    if cached is None:
        with FileLock(path.with_suffix(".lock"), "folder", path, wait=True) as lock:
            # Another process may have written it meanwhile.
            cached = open_whole(path, shape) if lock.waited or not there else None
            if cached is None:
                _compute(path, shape, compute, what)
                return np.load(path, mmap_mode="r")
    logger.info("%s: read from %s", what.capitalize(), path)
    return cached


def _compute(
    path: Path,
    shape: tuple[int, int, int],
    compute: Callable[[int], Iterable[np.ndarray]],
    what: str,
) -> None:
    """Writes the features that an earlier start did not."""
    num_images, size_mib = shape[0], 4 * np.prod(shape) / 2**20
    told = (what.capitalize(), num_images, size_mib, path)
    logger.info("%s of %d images: computed once, %.0f MiB in %s", *told)
    array = GrowingArray(path, shape)
    try:
        with tqdm(total=num_images, initial=array.done, unit="image", desc=what) as bar:
            # A run stopped between its last row and the renaming has nothing left to compute.
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
