"""Digests of what lies beside a data set's shards, so that it cannot be exchanged unnoticed."""

import functools
import logging
import os
from os import PathLike
from typing import Any

from etils import epath

from semreg_tf.files import digests
from semreg_tf.files.digests import FILE_DIGESTS
from semreg_tf.files.json_files import read_json_object

logger = logging.getLogger(__name__)
ANNOTATIONS_DIR, VOCABULARY_DIR = "annotations", "vocabulary"
# Written last: a prepared folder without it is unfinished.
COUNTS_FILE = "dataset_counts.json"
# TFDS's own; the last only where a builder has something to add.
INFO_FILE, FEATURES_FILE, METADATA_FILE = "dataset_info.json", "features.json", "metadata.json"
TFDS_FILES = (INFO_FILE, FEATURES_FILE, METADATA_FILE)
PREPARE_ANEW = "Delete its version folder and prepare it again."


def dataset_digests(builder_dir: str | PathLike[str]) -> dict[str, str]:
    """Returns the digests of the annotations, the lists of names and TFDS's own files, by name.

    The shards have checksums of their own, and each record its image's id.
    """
    folder = epath.Path(builder_dir)
    names = [name for name in TFDS_FILES if (folder / name).exists()]
    for part, suffix in ((ANNOTATIONS_DIR, ".jsonl"), (VOCABULARY_DIR, ".txt")):
        file_names = sorted(p.name for p in (folder / part).iterdir() if p.name.endswith(suffix))
        names += [f"{part}/{name}" for name in file_names]
    return {name: _digest(folder / name) for name in names}


def read_counts_file(builder_dir: str | PathLike[str]) -> dict[str, Any] | None:
    """Returns what `dataset_counts.json` holds, or None where a preparation is unfinished.

    Raises:
      ValueError: the file is damaged or was changed.
    """
    path = epath.Path(builder_dir) / COUNTS_FILE
    if not path.exists():
        return None
    counts = read_json_object(path, "data_dir", PREPARE_ANEW)
    digests.check_own_digest(counts, path, "data_dir", PREPARE_ANEW)
    return counts


def check_dataset_files(builder_dir: str | PathLike[str], *names: str) -> None:
    """Refuses a prepared folder of which one of these files was changed or exchanged.

    A folder in preparation, or prepared before digests were kept, passes; the latter with one
    line in the log.

    Args:
      builder_dir: the version folder.
      *names: files in it, such as "annotations/train.jsonl".

    Raises:
      ValueError: as said; the file is named.
    """
    folder = epath.Path(builder_dir)
    counts = read_counts_file(folder)
    if counts is None:
        return
    expected = counts.get(FILE_DIGESTS)
    if expected is None:
        _say_there_are_none(os.fspath(folder))
        return
    for name in names:
        there = (folder / name).exists()
        if name == METADATA_FILE and not there and name not in expected:
            continue
        if not there:
            wrong = "it is not there"
        elif _digest(folder / name) != expected.get(name):
            wrong = "it was changed, damaged or taken from another data set"
        else:
            continue
        raise ValueError(
            f"`data_dir` must hold {name} as it was prepared: {wrong}. {PREPARE_ANEW} "
            f"Received: {os.fspath(folder / name)!r}"
        )


def _digest(path: epath.Path) -> str:
    with path.open("rb") as file:
        return digests.stream_digest(file)


@functools.cache
def _say_there_are_none(folder: str) -> None:
    logger.warning("%s carries no digests: it was prepared before they were kept", folder)
