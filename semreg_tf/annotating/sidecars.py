"""XMP sidecars: `photo.xmp`, which photo programs read as metadata of `photo.jpg` beside it."""

import os
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any

from semreg_tf.annotating.photo_words import words_of
from semreg_tf.data.picture_files import SUFFIXES
from semreg_tf.files.whole_file import write_whole

SUFFIX = ".xmp"


def sidecar_name(picture: str, beside: Collection[str]) -> str:
    """Returns the file name of a picture's sidecar, given the file names in its folder.

    It is `photo.xmp`, as Adobe's programs name it. If `photo.jpg.xmp` exists, the name that
    darktable and digiKam use, or if two pictures would share `photo.xmp`, it is `photo.jpg.xmp`.

    Example:
      >>> sidecar_name("a.jpg", {"a.jpg"}), sidecar_name("a.jpg", {"a.jpg", "a.png"})
      ('a.xmp', 'a.jpg.xmp')
    """
    stem, long_name = PurePosixPath(picture).stem, picture + SUFFIX
    lower = stem.lower()
    sharing = (
        name
        for name in beside
        if name != picture
        and PurePosixPath(name).stem.lower() == lower
        and PurePosixPath(name).suffix.lower() in SUFFIXES
    )
    return long_name if long_name in beside or any(sharing) else stem + SUFFIX


class SidecarWriter:
    """Writes keywords and captions of answers to sidecars; the pictures do not change.

    A call with an answer writes or merges one sidecar, atomically. A sidecar that already holds the
    same words is not written again.

    Attributes:
      problems: one line for each existing sidecar that cannot be read and is unchanged.

    Raises:
      ValueError: the extra `xmp` is not installed.
    """

    def __init__(self, shown_last: Collection[str]) -> None:
        self._merge, self._shown_last = packet_merger(), shown_last
        self.problems: list[str] = []
        self._beside: dict[Path, set[str]] = {}

    def __call__(self, row: dict[str, Any]) -> None:
        """Writes the sidecar of an answer, unless it is an error."""
        if "error" in row:
            return
        picture = Path(row["file"])
        if picture.parent not in self._beside:
            self._beside[picture.parent] = set(os.listdir(picture.parent))
        sidecar = picture.with_name(sidecar_name(picture.name, self._beside[picture.parent]))
        existing = sidecar.read_bytes() if sidecar.exists() else None
        try:
            packet = self._merge(existing, words_of(row, self._shown_last))
        except ValueError as error:
            self.problems.append(f"{sidecar} is unchanged: {error}")
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
            "`format` xmp needs lxml: pip install 'semreg_tf[xmp]'. Received: format='xmp'"
        ) from error
    return merged_packet
