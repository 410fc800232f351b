"""Reader of NUS-WIDE's ground truth: a file per concept with 0 or 1 for each image."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from etils import epath

from semreg_tf.text.text_files import without_bom


def read_labels(
    folder: str | PathLike[str], concepts: Sequence[str], suffix: str, num_images: int
) -> np.ndarray:
    """Reads the files `Labels_<concept><suffix>.txt` of all concepts.

    Args:
      folder: `Groundtruth/AllLabels`, or `Groundtruth/TrainTestLabels`.
      concepts: the concepts' names.
      suffix: empty, `_Train` or `_Test`.
      num_images: number of images in the corresponding list.

    Returns:
      Array (images, concepts), bool.

    Raises:
      ValueError: files are missing, differ in length from the list (the message has all their
        lengths), or have other values than 0 and 1.
    """
    paths = [epath.Path(folder) / f"Labels_{concept}{suffix}.txt" for concept in concepts]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise ValueError(
            f"`raw_dir` must hold a label file for each of {len(paths)} concepts: it lacks "
            f"{', '.join(missing)}. Received: {str(folder)!r}"
        )
    labels = np.zeros((num_images, len(paths)), bool)
    unequal = []
    for column, path in enumerate(paths):
        tokens = np.array(without_bom(path.read_bytes()).split(), dtype="S2")
        wrong = np.flatnonzero((tokens != b"0") & (tokens != b"1"))
        if len(wrong):
            raise ValueError(
                "`raw_dir` must hold label files of 0 and 1. Received: "
                f"{str(path)!r}, number {wrong[0] + 1}: {tokens[wrong[0]].decode('latin-1')!r}"
            )
        if len(tokens) != num_images:
            unequal.append(f"{path.name} {len(tokens):,}")
        else:
            labels[:, column] = tokens == b"1"
    if unequal:
        raise ValueError(
            f"`raw_dir` must hold label files as long as the list of {num_images:,} images: unpack "
            f"them again. Received: {', '.join(unequal)} lines in {str(folder)!r}"
        )
    return labels
