"""XMP sidecars: `photo.xmp`, which photo programs read as metadata of `photo.jpg` beside it."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from semreg_tf.annotating.photo_words import words_of
from semreg_tf.data.picture_files import has_picture_suffix
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.whole_file import write_whole

SUFFIX = ".xmp"
# In this order, if a picture has both.
_EXISTING_SUFFIXES = (SUFFIX, ".XMP")


class SidecarNames:
    """The sidecars of pictures, by the names of all files.

    A sidecar is `photo.xmp`, as Adobe's programs name it, or `photo.jpg.xmp`, the name that
    darktable and digiKam use. `photo.xmp` is nobody's if two pictures, such as `photo.jpg` and
    `photo.PNG`, would share it.

    Args:
      names: names of files in one folder, or their paths relative to a common folder.

    Example:
      >>> SidecarNames({"a.jpg"}).name("a.jpg"), SidecarNames({"a.jpg", "a.png"}).name("a.jpg")
      ('a.xmp', 'a.jpg.xmp')
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._pictures: dict[str, set[str]] = defaultdict(set)
        for name in self._names:
            if has_picture_suffix(name):
                self._pictures[_stem(name).lower()].add(name)

    def existing(self, picture: str) -> list[str]:
        """Returns the existing sidecars of a picture; the suffix may be in capitals."""
        starts = (picture,) if self._shares(picture) else (picture, _stem(picture))
        return [name for name in map(self._existing, starts) if name is not None]

    def shared(self, picture: str) -> str | None:
        """Returns the existing `photo.xmp` that is nobody's, or None."""
        return self._existing(_stem(picture)) if self._shares(picture) else None

    def name(self, picture: str) -> str:
        """Returns the name of the sidecar to write for a picture: an existing one, or a new one."""
        start = picture if self._shares(picture) else _stem(picture)
        return next(iter(self.existing(picture)), start + SUFFIX)

    def _shares(self, picture: str) -> bool:
        return bool(self._pictures.get(_stem(picture).lower(), set()) - {picture})

    def _existing(self, start: str) -> str | None:
        return next((start + s for s in _EXISTING_SUFFIXES if start + s in self._names), None)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


class SidecarWriter:
    """Writes keywords and captions of answers to sidecars; the pictures do not change.

    A call with an answer writes or merges one sidecar, atomically. A sidecar that already holds the
    same words is not written again. From a `photo.xmp` that pictures have come to share, the words
    of earlier answers are removed.

    Attributes:
      problems: one line for each existing sidecar that cannot be read and is unchanged.

    Raises:
      ValueError: the extra `xmp` is not installed.
    """

    def __init__(self, shown_last: Collection[str]) -> None:
        self._merge, self._shown_last = packet_merger(), shown_last
        from semreg_tf.annotating.xmp_packet import packet_without_words

        self._withdraw = packet_without_words
        self.problems: list[str] = []
        self._names: dict[Path, SidecarNames] = {}

    def __call__(self, row: dict[str, Any]) -> None:
        """Writes the sidecar of an answer, unless it is an error."""
        if "error" in row:
            return
        picture = Path(row["file"])
        if picture.parent not in self._names:
            self._names[picture.parent] = SidecarNames(os.listdir(picture.parent))
        names = self._names[picture.parent]
        self._update(
            picture.with_name(names.name(picture.name)),
            lambda existing: self._merge(existing, words_of(row, self._shown_last)),
        )
        shared = names.shared(picture.name)
        if shared is not None:
            # It was written for one of the pictures when there was no other of its name.
            self._update(picture.with_name(shared), self._withdraw)

    def _update(self, sidecar: Path, change: Callable[[bytes | None], bytes]) -> None:
        # A link stays a link: the file that it names is written.
        file = Path(os.path.realpath(sidecar))
        try:
            if _changed(file, change) is not None:
                lock = file.with_name(f".{file.name}.lock")
                with FileLock(lock, "pictures", file.parent, wait=True):
                    # Another process may have written it before the lock was held.
                    packet = _changed(file, change)
                    if packet is not None:
                        write_whole(file, packet)
        except ValueError as error:
            self.problems.append(f"{sidecar} is unchanged: {error}")


def _changed(file: Path, change: Callable[[bytes | None], bytes]) -> bytes | None:
    """Returns a sidecar's new content, or None if it does not change."""
    existing = file.read_bytes() if file.exists() else None
    packet = change(existing)
    return packet if packet != existing else None


def packet_merger() -> Callable[..., bytes]:
    """Returns `merged_packet`.

    Raises:
      ValueError: the extra `xmp` is not installed.
    """
    try:
        from semreg_tf.annotating.xmp_packet import merged_packet
    except ModuleNotFoundError as error:
        raise ValueError(
            "`format` xmp needs lxml: pip install -e '.[xmp]'. Received: format='xmp'"
        ) from error
    return merged_packet
