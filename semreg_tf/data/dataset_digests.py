"""Digests of the files beside a data set's shards, which reveal changed or exchanged files."""

import functools
import logging
import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

from etils import epath

from semreg_tf.files import digests
from semreg_tf.files.digests import FILE_DIGESTS
from semreg_tf.files.json_files import read_json_object

logger = logging.getLogger(__name__)
ANNOTATIONS_DIR, VOCABULARY_DIR = "annotations", "vocabulary"
# Written last: a folder without it is not fully prepared.
COUNTS_FILE = "dataset_counts.json"
# Files that TFDS writes; metadata.json is optional.
INFO_FILE, FEATURES_FILE, METADATA_FILE = "dataset_info.json", "features.json", "metadata.json"
TFDS_FILES = (INFO_FILE, FEATURES_FILE, METADATA_FILE)
# The field of the counts with a digest of each split's pictures.
PICTURE_DIGESTS = "picture_digests"
PREPARE_ANEW = "Delete its version folder and prepare it again."


def dataset_digests(builder_dir: str | PathLike[str]) -> dict[str, str]:
    """Returns the digests of the annotations, the vocabularies and TFDS's files, by name.

    Shards are not included: their records have checksums, and image ids to compare.
    """
    folder = epath.Path(builder_dir)
    names = [name for name in TFDS_FILES if (folder / name).exists()]
    for part, suffix in ((ANNOTATIONS_DIR, ".jsonl"), (VOCABULARY_DIR, ".txt")):
        file_names = sorted(p.name for p in (folder / part).iterdir() if p.name.endswith(suffix))
        names += [f"{part}/{name}" for name in file_names]
    return {name: _digest(folder / name) for name in names}


def read_counts_file(builder_dir: str | PathLike[str]) -> dict[str, Any] | None:
    """Returns the content of `dataset_counts.json`, or None if the preparation is unfinished.

    Raises:
      ValueError: the file is damaged or was changed.
    """
    path = epath.Path(builder_dir) / COUNTS_FILE
    if not path.exists():
        return None
    counts = read_json_object(path, "data_dir", PREPARE_ANEW)
    digests.check_own_digest(counts, path, "data_dir", PREPARE_ANEW)
    return counts


def content_digests(builder_dir: str | PathLike[str]) -> dict[str, str]:
    """Returns the digests of a prepared data set's annotations and pictures, by part and split.

    Data sets of earlier versions lack those of the pictures, or all.

    Example:
      >>> sorted(content_digests("data/demo/1.0.0"))[:2]
      ['annotations of test', 'annotations of train']
    """
    counts = read_counts_file(builder_dir) or {}
    start, end = f"{ANNOTATIONS_DIR}/", ".jsonl"
    annotations = {
        f"annotations of {name[len(start) : -len(end)]}": digest
        for name, digest in counts.get(FILE_DIGESTS, {}).items()
        if name.startswith(start)
    }
    pictures = counts.get(PICTURE_DIGESTS, {})
    return annotations | {f"pictures of {split}": digest for split, digest in pictures.items()}


def changed_contents(earlier: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """Returns the parts that differ in two results of `content_digests`, among those in both."""
    return sorted(n for n in earlier.keys() & current.keys() if earlier[n] != current[n])


def content_key(builder_dir: str | PathLike[str]) -> dict[str, dict[str, str]]:
    """Returns `content_digests` as an argument of `cache_key`, for caches outside the data set.

    It is empty without digests of pictures, so that caches of earlier versions stay valid.
    """
    contents = content_digests(builder_dir)
    return {"content": contents} if any(n.startswith("pictures") for n in contents) else {}


def check_dataset_files(builder_dir: str | PathLike[str], *names: str) -> None:
    """Refuses a version folder in which one of the named files was changed or exchanged.

    A folder that is being prepared passes. So does one of an earlier version without digests, with
    a warning.

    Raises:
      ValueError: a file is missing or was changed; the message names it.
    """
    folder = epath.Path(builder_dir)
    counts = read_counts_file(folder)
    if counts is None:
        return
    expected = counts.get(FILE_DIGESTS)
    if expected is None:
        _warn_without_digests(os.fspath(folder))
        return
    for name in names:
        exists = (folder / name).exists()
        if name == METADATA_FILE and not exists and name not in expected:
            continue
        if not exists:
            fault = "it is missing"
        elif _digest(folder / name) != expected.get(name):
            fault = "it was changed, damaged or taken from another data set"
        else:
            continue
        raise ValueError(
            f"`data_dir` must hold {name} as it was prepared: {fault}. {PREPARE_ANEW} "
            f"Received: {os.fspath(folder / name)!r}"
        )


def _digest(path: epath.Path) -> str:
    with path.open("rb") as file:
        return digests.stream_digest(file)


@functools.cache
def _warn_without_digests(folder: str) -> None:
    logger.warning("%s has no digests: an earlier version prepared it", folder)
