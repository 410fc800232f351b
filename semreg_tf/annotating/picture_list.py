"""Which pictures a user means: files, folders, patterns, and lines of standard input."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semreg_tf.text.cleaning import lone_surrogate
from semreg_tf.text.file_names import on_disk
from semreg_tf.text.text_files import BOM

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Picture:
    """A file to annotate.

    Attributes:
      path: as the user wrote it, or found under what the user wrote.
      user_tags: comma-separated, or None.

    Raises:
      ValueError: user tags that no UTF-8 text can hold.
    """

    path: str
    user_tags: str | None = None

    def __post_init__(self) -> None:
        half = lone_surrogate(self.user_tags or "")
        if half is not None:
            raise ValueError(
                f"`user_tags` must be text that UTF-8 can write: {half} is half of a surrogate "
                f"pair. Received: {self.user_tags[:60]!a} for {self.path!a}"
            )


def list_pictures(arguments: Sequence[str], lines: Iterable[str] = ()) -> list[Picture]:
    r"""Returns the pictures that arguments name, each once, in their order.

    Args:
      arguments: files, taken as they are, there or not; folders, for the pictures right inside
        them; patterns such as `trip/**/*.jpg`; `-`, for the lines.
      lines: of standard input: a path each, or a path, a tab and user tags.

    Raises:
      ValueError: nothing is named, or a folder or a pattern holds no picture.

    Example:
      >>> list_pictures(["-"], ["beach.jpg\tsea, sun"])
      [Picture(path='beach.jpg', user_tags='sea, sun')]
    """
    found: dict[str, Picture] = {}
    for argument in arguments:
        for picture in _named(argument, lines):
            found.setdefault(picture.path, picture)
    if not found:
        raise ValueError(
            "Give at least one picture, folder or pattern, or `-` to read paths from standard "
            "input. Received: none"
        )
    return list(found.values())


def _named(argument: str, lines: Iterable[str]) -> list[Picture]:
    if argument == STANDARD_INPUT:
        parts = (line.rstrip("\r\n").partition("\t") for line in _without_bom(lines))
        return [
            Picture(on_disk(path), tags if tab else None)
            for path, tab, tags in parts
            if path.strip()
        ]
    path = Path(argument)
    if path.is_dir():
        paths = sorted(str(p) for p in path.iterdir() if _is_picture(p))
    elif glob.has_magic(argument) and not path.exists():
        matched = (Path(p) for p in glob.iglob(argument, recursive=True))
        paths = sorted(str(p) for p in matched if _is_picture(p))
    else:
        return [Picture(on_disk(argument))]
    if not paths:
        raise ValueError(
            f"A folder or pattern must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: {argument!r}"
        )
    return [Picture(p) for p in paths]


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
