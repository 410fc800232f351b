"""Which pictures a user means: files, folders, patterns, and lines of standard input."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Picture:
    """A file to annotate.

    Attributes:
      path: as the user wrote it, or found under what the user wrote.
      user_tags: comma-separated, or None.
    """

    path: str
    user_tags: str | None = None


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
        parts = (line.rstrip("\r\n").partition("\t") for line in lines)
        return [Picture(path, tags if tab else None) for path, tab, tags in parts if path.strip()]
    path = Path(argument)
    if path.is_dir():
        paths = sorted(str(p) for p in path.iterdir() if _is_picture(p))
    elif glob.has_magic(argument) and not path.exists():
        matched = (Path(p) for p in glob.iglob(argument, recursive=True))
        paths = sorted(str(p) for p in matched if _is_picture(p))
    else:
        return [Picture(argument)]
    if not paths:
        raise ValueError(
            f"A folder or pattern must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: {argument!r}"
        )
    return [Picture(p) for p in paths]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
