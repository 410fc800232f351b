"""Readers of NUS-WIDE's user tags, in each of their published forms."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike, fspath

import numpy as np
from etils import epath

from data_prep.nus_wide.image_list import Photo
from semreg_tf.text.text_files import without_bom

WORDS, MATRIX = "image ids with their tags as words", "a matrix of 0 and 1"
_LINE_ENDS = b" \t\r\n"


def form_of(path: str | PathLike[str], num_names: int) -> str:
    """Returns the form of an `All_Tags.txt`, `WORDS` or `MATRIX`, by its first line.

    A matrix has `num_names` columns, the number of tags in `Final_Tag_List.txt`.

    Raises:
      ValueError: the file has neither form.
    """
    with epath.Path(path).open("rb") as file:
        first = next((line for line in _lines(file) if line.strip()), b"")
    tokens = first.split()
    if len(tokens) == num_names and not first.translate(None, _LINE_ENDS + b"01"):
        return MATRIX
    if tokens and tokens[0].isdigit() and tokens[0] not in (b"0", b"1"):
        return WORDS
    raise ValueError(
        f"`raw_dir` must hold All_Tags.txt as {WORDS}, or as {MATRIX}, {num_names:,} in a line. "
        f"Received: {fspath(path)!r}, first line of {len(tokens):,}: {first[:40]!r}"
    )


def read_words(
    path: str | PathLike[str], photos: Sequence[Photo], names: Sequence[str] | None
) -> list[tuple[str, ...]]:
    """Reads lines with a photo's id and its tags; photos without a line have no tags.

    Lines that are not UTF-8 are read as ISO-8859-1. Only tags in `names` are read; None: all.

    Returns:
      The distinct tags of each photo, in the order of `photos`.

    Raises:
      ValueError: a line does not begin with an id, or no line belongs to one of the photos.
    """
    known = None if names is None else frozenset(names)
    tags: dict[str, tuple[str, ...]] = {photo.photo_id: () for photo in photos}
    num_used = 0
    with epath.Path(path).open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            tokens = _decode(line).split()
            if not tokens:
                continue
            if not tokens[0].isdigit():
                raise ValueError(
                    "`raw_dir` must hold All_Tags.txt of lines that begin with a photo's id. "
                    f"Received: {fspath(path)!r}, line {number}: {line[:40]!r}"
                )
            if tokens[0] in tags:
                known_tags = (sys.intern(t) for t in tokens[1:] if known is None or t in known)
                tags[tokens[0]] = tuple(dict.fromkeys(known_tags))
                num_used += 1
    if not num_used:
        raise ValueError(
            f"`raw_dir` must hold tags of the photos in the image list: no line belongs to any "
            f"of the {len(photos):,} photos. Received: {fspath(path)!r}"
        )
    return [tags[photo.photo_id] for photo in photos]


def read_matrix(
    path: str | PathLike[str], names: Sequence[str], num_images: int
) -> list[tuple[str, ...]]:
    """Reads a matrix with a line per image and 0 or 1 per tag, separated by blanks or tabs.

    The file is read line by line, because the full matrix has 2.7 GB. Blanks at the end of a line
    are ignored.

    Returns:
      The tags of each image.

    Raises:
      ValueError: a line has other values, or not one for each of `names`, or the number of lines is
        wrong.
    """
    array = np.array([sys.intern(name) for name in names], object)
    rows = [tuple(array[columns]) for columns in _matrix_rows(path, len(names))]
    if len(rows) != num_images:
        raise ValueError(
            f"`raw_dir` must hold tag files as long as the list of {num_images:,} images. "
            f"Received: {len(rows):,} lines in {fspath(path)!r}"
        )
    return rows


def _matrix_rows(path: str | PathLike[str], num_columns: int) -> Iterator[np.ndarray]:
    with epath.Path(path).open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            digits = line.translate(None, _LINE_ENDS)
            if not digits:
                continue
            if len(digits) != num_columns or digits.strip(b"01"):
                raise ValueError(
                    f"`raw_dir` must hold tag files of {num_columns:,} numbers 0 or 1 in a line. "
                    f"Received: {fspath(path)!r}, line {number} of {len(line.split()):,}: "
                    f"{line[:40]!r}"
                )
            yield np.flatnonzero(np.frombuffer(digits, np.uint8) == ord("1"))


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a file without a byte order mark."""
    for number, line in enumerate(file):
        yield line if number else without_bom(line)


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
