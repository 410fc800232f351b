"""Reader of NUS-WIDE's lists of photos, and the search for their pictures."""

import re
from collections.abc import Sequence
from os import PathLike, fspath
from typing import NamedTuple

import tensorflow as tf
from etils import epath

from data_prep.raw_files import read_lines

# A line has the folder, which is the search query of the photo, a number and the photo's id.
_LINE = re.compile(r"(?P<folder>[^\\/]+)[\\/](?P<file>[^\\/]*?(?P<photo_id>\d+)\.jpg)")
NESTED, FLAT = "Flickr", "images"


class Photo(NamedTuple):
    r"""A line of a list: `actor\0001_2124494179.jpg` is photo 2124494179 of the folder `actor`."""

    photo_id: str
    folder: str
    file: str

    @property
    def name(self) -> str:
        """Folder and file, separated by `/`."""
        return f"{self.folder}/{self.file}"


def read_image_list(path: str | PathLike[str]) -> list[Photo]:
    r"""Reads a list of lines `folder\number_id.jpg`, with slashes or backslashes, CRLF or LF.

    Raises:
      ValueError: a line is not of that form.
    """
    photos = []
    for number, line in enumerate(read_lines(path), start=1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            if not line.strip():
                continue
            raise ValueError(
                "`raw_dir` must hold lists of lines `folder\\number_id.jpg`. "
                f"Received: {fspath(path)!r}, line {number}: {line[:60]!r}"
            )
        photos.append(Photo(match["photo_id"], match["folder"], match["file"]))
    return photos


def find_pictures(raw_dir: str | PathLike[str], photos: Sequence[Photo]) -> dict[str, str]:
    """Finds the pictures of photos, as `Flickr/<folder>/<file>` or `images/<photo id>.jpg`.

    Each folder is listed once, because testing 269,648 files one by one is slow.

    Returns:
      Photo id -> path relative to `raw_dir`, for the pictures that exist.
    """
    root = fspath(raw_dir)
    flat = _files(f"{root}/{FLAT}")
    nested = {folder: _files(f"{root}/{NESTED}/{folder}") for folder in {p.folder for p in photos}}
    paths = {}
    for photo in photos:
        if photo.file in nested[photo.folder]:
            paths[photo.photo_id] = f"{NESTED}/{photo.name}"
        elif f"{photo.photo_id}.jpg" in flat:
            paths[photo.photo_id] = f"{FLAT}/{photo.photo_id}.jpg"
    return paths


def _files(folder: str) -> frozenset[str]:
    return frozenset(tf.io.gfile.listdir(folder)) if epath.Path(folder).is_dir() else frozenset()
