"""XMP sidecars: `photo.xmp` beside `photo.jpg`, which photo programs read as part of it."""

import os
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any

from semreg_tf.annotating.photo_words import words_of
from semreg_tf.data.picture_files import SUFFIXES
from semreg_tf.files.whole_file import write_whole

SUFFIX = ".xmp"


def sidecar_name(picture: str, beside: Collection[str]) -> str:
    """Returns the file name of a picture's sidecar.

    It is Adobe's, `photo.xmp`, unless two pictures would share that; then, or where such a file is
    there already, it is darktable's and digiKam's, `photo.jpg.xmp`.

    Args:
      picture: the picture's file name.
      beside: file names in its folder.

    Example:
      >>> sidecar_name("a.jpg", {"a.jpg"}), sidecar_name("a.jpg", {"a.jpg", "a.png"})
      ('a.xmp', 'a.jpg.xmp')
    """
    stem, whole = PurePosixPath(picture).stem, picture + SUFFIX
    lower = stem.lower()
    sharing = (
        name
        for name in beside
        if name != picture
        and PurePosixPath(name).stem.lower() == lower
        and PurePosixPath(name).suffix.lower() in SUFFIXES
    )
    return whole if whole in beside or any(sharing) else stem + SUFFIX


class SidecarWriter:
    """Writes the words of answers beside their pictures; the pictures are not touched.

    Called with an answer it writes or merges one sidecar, atomically. What is there already and
    holds the same words is left as it is.

    Attributes:
      problems: of sidecars that are there and cannot be read, and were left alone; a line each.

    Args:
      shown_last: concepts that are no keywords.

    Raises:
      ValueError: the extra `xmp` is not installed.
    """

    def __init__(self, shown_last: Collection[str]) -> None:
        self._merged, self._shown_last = packet_merger(), shown_last
        self.problems: list[str] = []
        self._beside: dict[Path, set[str]] = {}

    def __call__(self, row: dict[str, Any]) -> None:
        """Writes the sidecar of an answer without an error."""
        if "error" in row:
            return
        picture = Path(row["file"])
        if picture.parent not in self._beside:
            self._beside[picture.parent] = set(os.listdir(picture.parent))
        sidecar = picture.with_name(sidecar_name(picture.name, self._beside[picture.parent]))
        existing = sidecar.read_bytes() if sidecar.exists() else None
        try:
            packet = self._merged(existing, words_of(row, self._shown_last))
        except ValueError as error:
            self.problems.append(f"{sidecar} was left as it is: {error}")
            return
        if packet != existing:
            write_whole(sidecar, packet)


def packet_merger() -> Callable[..., bytes]:
    """Returns `merged_packet`.

    Raises:
      ValueError: the extra `xmp` is not installed.
    """
    try:
        from semreg_tf.annotating.xmp_packet import merged_packet
    except ModuleNotFoundError as error:
        raise ValueError(
            "`format` may be xmp where lxml is installed: pip install 'semreg_tf[xmp]'. "
            "Received: format='xmp'"
        ) from error
    return merged_packet
