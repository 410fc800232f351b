"""Reader of NUS-WIDE's official files: photos, labels and user tags by row of the image list."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Literal, get_args

import numpy as np
from etils import epath

from data_prep.nus_wide.image_list import Photo, read_image_list
from data_prep.nus_wide.label_files import read_labels
from data_prep.nus_wide.tag_files import MATRIX, form_of, read_matrix, read_words
from data_prep.raw_files import read_names, require_files

IMAGE_LIST = "ImageList/Imagelist.txt"
TRAIN_LIST, TEST_LIST = "ImageList/TrainImagelist.txt", "ImageList/TestImagelist.txt"
CONCEPTS = "ConceptsList/Concepts81.txt"
ALL_LABELS, PARTED_LABELS = "Groundtruth/AllLabels", "Groundtruth/TrainTestLabels"
ALL_TAGS, FINAL_TAGS = "NUS_WID_Tags/All_Tags.txt", "NUS_WID_Tags/Final_Tag_List.txt"
TAGS_1K, TAG_LIST_1K = "NUS_WID_Tags/AllTags1k.txt", "NUS_WID_Tags/TagList1k.txt"
PARTED_TAGS_1K = ("NUS_WID_Tags/Train_Tags1k.dat", "NUS_WID_Tags/Test_Tags1k.dat")

# The stored user tags: the 5,018 of the final list, every word of All_Tags.txt, the official 1,000,
# or none.
UserTags = Literal["final", "every", "1k", "none"]


@dataclass(frozen=True)
class RawSet:
    """The annotations of all photos, in the order of the image list.

    Attributes:
      photos: the photos.
      concepts: the names of the labels.
      labels: array (photos, concepts), bool.
      user_tags: the tags of each photo.
      tag_source: the file of the tags, and its form if the file has several forms.
    """

    photos: list[Photo]
    concepts: list[str]
    labels: np.ndarray
    user_tags: list[tuple[str, ...]]
    tag_source: str


def read_raw_set(raw_dir: str | PathLike[str] | None, user_tags: UserTags = "final") -> RawSet:
    """Reads the image list, the ground truth and the user tags.

    Labels are read from `AllLabels`, or without that folder from `TrainTestLabels` and the official
    lists. `1k` tags are read from `AllTags1k.txt`, or from `Train_Tags1k.dat` and
    `Test_Tags1k.dat`.

    Raises:
      ValueError: a file is missing or contradicts the others; the message names it.
    """
    if user_tags not in get_args(UserTags):
        raise ValueError(
            f"`user_tags` must be one of {', '.join(get_args(UserTags))}. "
            f"Received: user_tags={user_tags!r}"
        )
    require_files(raw_dir, (IMAGE_LIST, CONCEPTS))
    root = epath.Path(raw_dir)
    photos = read_image_list(root / IMAGE_LIST)
    concepts = read_names(root / CONCEPTS)
    labels = _labels(root, concepts, photos)
    tags, source = _user_tags(root, photos, user_tags)
    return RawSet(photos, concepts, labels, tags, source)


def _labels(root: epath.Path, concepts: Sequence[str], photos: Sequence[Photo]) -> np.ndarray:
    if (root / ALL_LABELS).is_dir():
        return read_labels(root / ALL_LABELS, concepts, "", len(photos))
    require_files(root, (PARTED_LABELS, TRAIN_LIST, TEST_LIST))
    labels = np.zeros((len(photos), len(concepts)), bool)
    for suffix, name in (("_Train", TRAIN_LIST), ("_Test", TEST_LIST)):
        rows = _rows(root / name, photos)
        labels[rows] = read_labels(root / PARTED_LABELS, concepts, suffix, len(rows))
    return labels


def _user_tags(
    root: epath.Path, photos: Sequence[Photo], user_tags: UserTags
) -> tuple[list[tuple[str, ...]], str]:
    if user_tags == "none":
        return [()] * len(photos), "none"
    if user_tags == "1k":
        require_files(root, (TAG_LIST_1K,))
        names = read_names(root / TAG_LIST_1K)
        if (root / TAGS_1K).exists():
            return read_matrix(root / TAGS_1K, names, len(photos)), TAGS_1K
        require_files(root, (*PARTED_TAGS_1K, TRAIN_LIST, TEST_LIST))
        tags: list[tuple[str, ...]] = [()] * len(photos)
        for name, matrix in zip((TRAIN_LIST, TEST_LIST), PARTED_TAGS_1K, strict=True):
            rows = _rows(root / name, photos)
            part = read_matrix(root / matrix, names, len(rows))
            for row, photo_tags in zip(rows, part, strict=True):
                tags[row] = photo_tags
        return tags, ", ".join(PARTED_TAGS_1K)
    require_files(root, (ALL_TAGS, FINAL_TAGS))
    names = read_names(root / FINAL_TAGS)
    form = form_of(root / ALL_TAGS, len(names))
    source = f"{ALL_TAGS}: {form}"
    if form == MATRIX:
        return read_matrix(root / ALL_TAGS, names, len(photos)), source
    kept_tags = names if user_tags == "final" else None
    return read_words(root / ALL_TAGS, photos, kept_tags), source


def _rows(path: epath.Path, photos: Sequence[Photo]) -> list[int]:
    """Returns the rows in the image list of another list's photos, in the order of that list."""
    row_of = {photo.photo_id: row for row, photo in enumerate(photos)}
    part = read_image_list(path)
    unknown = [photo.name for photo in part if photo.photo_id not in row_of]
    if unknown:
        raise ValueError(
            f"`raw_dir` must hold lists of photos of {IMAGE_LIST}: {len(unknown):,} are not in "
            f"it, such as {unknown[0]}. Received: {fspath(path)!r}"
        )
    return [row_of[photo.photo_id] for photo in part]
