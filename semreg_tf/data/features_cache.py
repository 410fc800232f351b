"""A frozen encoder's features, computed once and kept on disk under a key that cannot go stale."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from semreg_tf.data.atomic_write import write_lines

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
    num_images: int,
    views: int,
    feature_size: int,
    compute: Callable[[int], Iterable[np.ndarray]],
    what: str = "features",
) -> np.ndarray:
    """Returns features (num_images, views, feature_size) float32, memory-mapped.

    What is computed is written under another name, with the rows done, and renamed at the end:
    an interrupted run goes on at the row where it stopped.

    Args:
      folder: where caches live.
      key: from `cache_key`.
      num_images: rows.
      views: views of each image.
      feature_size: width.
      compute: given the first row, yields arrays (rows, views, feature_size) in order.
      what: what they are, for the log and the progress bar.

    Returns:
      A read-only array.

    Raises:
      ValueError: `compute` yields other shapes, or more or fewer rows.
    """
    path = Path(folder) / f"{key}.npy"
    if path.exists():
        logger.info("%s: read from %s", what.capitalize(), path)
        return np.load(path, mmap_mode="r")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, done_path = path.with_suffix(".partial.npy"), path.with_suffix(".done")
    shape = (num_images, views, feature_size)
    size_mib = 4 * np.prod(shape) / 2**20
    told = (what.capitalize(), num_images, size_mib, path)
    logger.info("%s of %d images: computed once, %.0f MiB in %s", *told)
    done = int(done_path.read_text()) if done_path.exists() and partial.exists() else 0
    mode = "r+" if done else "w+"
    array = np.lib.format.open_memmap(partial, mode, np.float32, None if done else shape)
    with tqdm(total=num_images, initial=done, unit="image", desc=what) as bar:
        # A run stopped between its last row and the renaming has nothing left to compute.
        for block in compute(done) if done < num_images else ():
            if block.shape[1:] != shape[1:] or done + len(block) > num_images:
                raise ValueError(
                    f"`compute` must yield rows of {shape[1:]}, {num_images} in all. "
                    f"Received: {block.shape} after {done} rows"
                )
            array[done : done + len(block)] = block
            done += len(block)
            array.flush()
            write_lines(done_path, [str(done)])
            bar.update(len(block))
    if done != num_images:
        raise ValueError(f"`compute` must yield {num_images} rows in all. Received: {done} rows")
    del array
    os.replace(partial, path)
    done_path.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")
