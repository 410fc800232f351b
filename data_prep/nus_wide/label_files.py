"""The ground truth of NUS-WIDE: one file a concept, one 0 or 1 an image."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from etils import epath

from semreg_tf.text.text_files import without_bom


def read_labels(
    folder: str | PathLike[str], concepts: Sequence[str], suffix: str, num_images: int
) -> np.ndarray:
    """Reads `Labels_<concept><suffix>.txt` of every concept.

    Args:
      folder: `Groundtruth/AllLabels`, or `Groundtruth/TrainTestLabels`.
      concepts: the concepts' names.
      suffix: empty, `_Train` or `_Test`.
      num_images: how many images the list has that the lines belong to.

    Returns:
      bool array, (images, concepts).

    Raises:
      ValueError: files are missing, not as long as the list, or hold something else than 0 and 1;
        all such files are named, with their lengths.
    """
    paths = [epath.Path(folder) / f"Labels_{concept}{suffix}.txt" for concept in concepts]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise ValueError(
            f"`raw_dir` must hold a label file of each of {len(paths)} concepts: there is no "
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
