"""The lists of NUS-WIDE's photos, and which of their pictures are there."""

import re
from collections.abc import Sequence
from os import PathLike, fspath
from typing import NamedTuple

import tensorflow as tf
from etils import epath

from data_prep.raw_files import read_lines

# One line: the folder, which is the query that found the photo, then a number and the photo's id.
_LINE = re.compile(r"(?P<folder>[^\\/]+)[\\/](?P<file>[^\\/]*?(?P<photo_id>\d+)\.jpg)")
NESTED, FLAT = "Flickr", "images"


class Photo(NamedTuple):
    r"""One line of a list: `actor\0001_2124494179.jpg` is photo 2124494179 of folder `actor`."""

    photo_id: str
    folder: str
    file: str

    @property
    def name(self) -> str:
        """Folder and file, parted by `/`."""
        return f"{self.folder}/{self.file}"


def read_image_list(path: str | PathLike[str]) -> list[Photo]:
    r"""Reads a list of lines `folder\number_id.jpg`, with either slash and either line end.

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
    """Returns the paths, from `raw_dir` on, of the pictures that are there, by photo id.

    A picture is `Flickr/<folder>/<file>`, or `images/<photo id>.jpg`. Each folder is listed once,
    since asking for 269,648 files one by one takes long.
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
