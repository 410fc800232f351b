"""Reader of the labels of Corel-5k, ESP Game and IAPR TC-12, which are distributed in two forms.

JSON lists                            lists of the TagProp distribution
train.json, test.json                 corel5k_train_list.txt, corel5k_test_list.txt
*_vocabulary.txt                      corel5k_dictionary.txt
                                      corel5k_train_annot.hvecs, corel5k_test_annot.hvecs

A part (train or test) without a list or annotations is left out and named in `RawSet.left_out`.
"""

from dataclasses import dataclass, field
from os import fspath

import numpy as np
from etils import epath

from data_prep.json_files import read_json
from data_prep.raw_files import read_names

PARTS = ("train", "test")
# In TagProp's annotation matrices, each row is its length followed by its entries.
_ROW_LENGTH = np.dtype("<i4")
_ENTRY_TYPES = {1: np.dtype("u1"), 2: np.dtype("<i2"), 4: np.dtype("<i4")}


@dataclass(frozen=True)
class RawSet:
    """The contents of the annotation files.

    Attributes:
      label_names: the vocabulary, in the order of its file.
      parts: "train" or "test" -> pairs of image name and labels, in the order of the list.
      left_out: a part that is left out -> the missing file.
    """

    label_names: tuple[str, ...]
    parts: dict[str, list[tuple[str, tuple[str, ...]]]]
    left_out: dict[str, str] = field(default_factory=dict)


def read_raw_set(folder: epath.Path) -> RawSet:
    """Reads the annotation files of a folder, in either form.

    Raises:
      ValueError: the folder has neither form or both, or the files contradict each other; the
        message has the file and the position.
    """
    json_form = (folder / "train.json").exists()
    lists = sorted(path.name for path in folder.glob("*_train_list.txt"))
    if json_form == bool(lists) or len(lists) > 1:
        present = ", ".join(["train.json"] * json_form + lists) or "neither"
        raise ValueError(
            "`raw_dir` must hold either train.json or one *_train_list.txt. "
            f"Received: raw_dir={fspath(folder)!r}, which holds {present}"
        )
    if json_form:
        return _read_json_form(folder)
    return _read_list_form(folder, lists[0].removesuffix("_train_list.txt"))


def _read_json_form(folder: epath.Path) -> RawSet:
    names = _read_dictionary(folder, "*_vocabulary.txt")
    parts, left_out = {}, {}
    for part in PARTS:
        path = folder / f"{part}.json"
        if path.exists():
            parts[part] = _read_samples(path, set(names))
        else:
            left_out[part] = path.name
    return RawSet(names, parts, left_out)


def _read_dictionary(folder: epath.Path, pattern: str) -> tuple[str, ...]:
    paths = sorted(folder.glob(pattern))
    if len(paths) != 1:
        raise ValueError(
            f"`raw_dir` must hold one vocabulary file, {pattern}. Received: "
            f"raw_dir={fspath(folder)!r}, which holds {', '.join(p.name for p in paths) or 'none'}"
        )
    return tuple(read_names(paths[0]))


def _read_samples(path: epath.Path, known: set[str]) -> list[tuple[str, tuple[str, ...]]]:
    content = read_json(path)
    samples = content.get("samples") if isinstance(content, dict) else None
    if not isinstance(samples, list):
        raise ValueError(
            '`raw_dir` must hold lists of the form {"samples": [...]}. '
            f"Received: {fspath(path)!r} without a list 'samples'"
        )
    images: dict[str, tuple[str, ...]] = {}
    for number, sample in enumerate(samples, start=1):
        name, labels = _check_sample(path, number, sample)
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ValueError(
                "`raw_dir` must hold only labels of its vocabulary file. Received: "
                f"{fspath(path)!r}, sample {number} ({name!r}): {unknown[0]!r}"
            )
        if name in images:
            raise ValueError(
                "`raw_dir` must hold every image once. "
                f"Received: {fspath(path)!r}, sample {number}: {name!r} again"
            )
        images[name] = tuple(dict.fromkeys(labels))
    return list(images.items())


def _check_sample(path: epath.Path, number: int, sample: object) -> tuple[str, list[str]]:
    name = sample.get("image_name") if isinstance(sample, dict) else None
    labels = sample.get("image_labels") if isinstance(sample, dict) else None
    texts = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not (isinstance(name, str) and name and texts):
        raise ValueError(
            "`raw_dir` must hold samples with a text `image_name` and a list of texts "
            f"`image_labels`. Received: {fspath(path)!r}, sample {number}: {str(sample)[:80]}"
        )
    return name, labels


def _read_list_form(folder: epath.Path, prefix: str) -> RawSet:
    names = _read_dictionary(folder, f"{prefix}_dictionary.txt")
    parts, left_out = {}, {}
    for part in PARTS:
        list_path = folder / f"{prefix}_{part}_list.txt"
        matrix_path = folder / f"{prefix}_{part}_annot.hvecs"
        missing = [p.name for p in (list_path, matrix_path) if not p.exists()]
        if missing:
            left_out[part] = missing[0]
            continue
        images = read_names(list_path)
        matrix = read_matrix(matrix_path, len(names))
        if len(matrix) != len(images):
            raise ValueError(
                "`raw_dir` must hold one row of annotations for each listed image. Received: "
                f"{list_path.name!r} with {len(images):,} images, {matrix_path.name!r} with "
                f"{len(matrix):,} rows"
            )
        parts[part] = [
            (image, tuple(names[i] for i in np.flatnonzero(row)))
            for image, row in zip(images, matrix, strict=True)
        ]
    return RawSet(names, parts, left_out)


def read_matrix(path: epath.Path, num_labels: int) -> np.ndarray:
    """Reads an annotation matrix of the TagProp distribution (`.hvecs`).

    Each row is the number of entries, a little-endian int32, followed by the entries, 0 or 1. The
    width of an entry (1, 2 or 4 bytes) is not stored; it follows from the start of the second row.

    Returns:
      Array (images, num_labels), bool.

    Raises:
      ValueError: the file is truncated, has another number of labels, or other values than 0 and 1.
    """
    content = path.read_bytes()
    for width, entry_type in _ENTRY_TYPES.items():
        row_bytes = _ROW_LENGTH.itemsize + num_labels * width
        if not content or len(content) % row_bytes:
            continue
        rows = np.frombuffer(content, np.uint8).reshape(-1, row_bytes)
        lengths = np.ascontiguousarray(rows[:, : _ROW_LENGTH.itemsize]).view(_ROW_LENGTH)
        if not (lengths == num_labels).all():
            continue
        entries = np.ascontiguousarray(rows[:, _ROW_LENGTH.itemsize :]).view(entry_type)
        if not np.isin(entries, (0, 1)).all():
            row = int(np.flatnonzero(~np.isin(entries, (0, 1)).all(axis=1))[0])
            raise ValueError(
                "`raw_dir` must hold annotations of 0 and 1. "
                f"Received: {fspath(path)!r}, row {row + 1}: {entries[row].max()}"
            )
        return entries.astype(bool)
    first = int.from_bytes(content[:4], "little", signed=True) if len(content) >= 4 else None
    raise ValueError(
        f"`raw_dir` must hold whole rows of {num_labels} annotations, the number of labels in the "
        f"dictionary. Received: {fspath(path)!r} of {len(content):,} bytes, whose first row has "
        f"{first} entries: the file is cut short, or of another dictionary"
    )
