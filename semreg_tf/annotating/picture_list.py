"""The pictures that a user names: files, folders, patterns, and lines of standard input."""

import glob
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semreg_tf.data.picture_files import (
    HIDDEN,
    SUFFIXES,
    has_picture_suffix,
    hidden_kind,
    is_system_folder,
    printable,
    special_kind,
)
from semreg_tf.text.cleaning import lone_surrogate
from semreg_tf.text.file_names import on_disk
from semreg_tf.text.text_files import BOM

STANDARD_INPUT = "-"
_SUBFOLDER = "folder"
_IN_SYSTEM_FOLDER = "in a folder of the system"
_SHOWN_KINDS = 8


@dataclass(frozen=True)
class Picture:
    """A file to annotate.

    Attributes:
      path: the file, as the user wrote it or below the folder that the user wrote.
      user_tags: comma-separated, or None.

    Raises:
      ValueError: the user tags cannot be encoded in UTF-8.
    """

    path: str
    user_tags: str | None = None

    def __post_init__(self) -> None:
        half = lone_surrogate(self.user_tags or "")
        if half is not None:
            raise ValueError(
                f"`user_tags` must be text that UTF-8 can encode: {half} is half of a surrogate "
                f"pair. Received: {self.user_tags[:60]!a} for {self.path!a}"
            )


def list_pictures(
    arguments: Sequence[str],
    lines: Iterable[str] = (),
    passed_over: Counter[str] | None = None,
) -> list[Picture]:
    r"""Returns the distinct pictures that the arguments name, in order.

    Args:
      arguments: files, which need not exist; folders, for the pictures directly in them; patterns
        such as `trip/**/*.jpg`; `-`, for `lines`.
      lines: of standard input: a path, or a path, a tab and user tags.
      passed_over: if not None, a counter of the other entries of folders and patterns by kind:
        suffixes such as ".txt", hidden files, folders, named pipes.

    Raises:
      ValueError: there are no arguments, or a folder or a pattern matches no picture.

    Example:
      >>> list_pictures(["-"], ["beach.jpg\tsea, sun"])
      [Picture(path='beach.jpg', user_tags='sea, sun')]
    """
    by_path: dict[str, Picture] = {}
    passed_over = Counter() if passed_over is None else passed_over
    for argument in arguments:
        for picture in _named(argument, lines, passed_over):
            by_path.setdefault(picture.path, picture)
    if not by_path:
        raise ValueError(
            "Give at least one picture, folder or pattern, or `-` to read paths from standard "
            "input. Received: none"
        )
    return list(by_path.values())


def describe_passed_over(passed_over: Counter[str]) -> str:
    """Returns one line on the entries of folders and patterns that are not pictures; "" if none.

    Example:
      >>> describe_passed_over(Counter({".txt": 2, "hidden file": 1}))
      'passed over 3 files: 2 .txt, 1 hidden file'
    """
    files = Counter(passed_over)
    folders = files.pop(_SUBFOLDER, 0)
    ordered = sorted(files.items(), key=lambda item: (-item[1], item[0]))
    kinds = [f"{count:,} {kind}" for kind, count in ordered[:_SHOWN_KINDS]]
    others = sum(count for _, count in ordered[_SHOWN_KINDS:])
    kinds += [f"{others:,} of other kinds"] if others else []
    parts = []
    if files:
        plural = "s" if files.total() > 1 else ""
        parts.append(f"passed over {files.total():,} file{plural}: {', '.join(kinds)}")
    if folders:
        plural = "s" if folders > 1 else ""
        parts.append(f"did not look into {folders:,} folder{plural} (FOLDER/**/* names all below)")
    return "; ".join(parts)


def _named(argument: str, lines: Iterable[str], passed_over: Counter[str]) -> list[Picture]:
    if argument == STANDARD_INPUT:
        parts = (line.rstrip("\r\n").partition("\t") for line in _without_bom(lines))
        return [
            Picture(on_disk(path), tags if tab else None)
            for path, tab, tags in parts
            if path.strip()
        ]
    path = Path(argument)
    others: Counter[str] = Counter()
    if path.is_dir():
        paths = _pictures_of(path.iterdir(), others)
    elif glob.has_magic(argument) and not path.exists():
        # Folders that a pattern matches are not counted as passed over.
        matched = _without_system_folders(argument, others)
        names_hidden = Path(argument).name.startswith(".")
        paths = _pictures_of((p for p in matched if not p.is_dir()), others, hidden=names_hidden)
    else:
        return [Picture(on_disk(argument))]
    passed_over.update(others)
    if not paths:
        description = describe_passed_over(others)
        raise ValueError(
            f"A folder or pattern must hold pictures ({', '.join(SUFFIXES)})"
            f"{f': {description}' if description else ''}. Received: '{printable(argument)}'"
        )
    return [Picture(p) for p in paths]


def _without_system_folders(pattern: str, passed_over: Counter[str]) -> Iterator[Path]:
    """Gives what a pattern matches, and counts files in folders such as `@eaDir` instead.

    Patterns match hidden folders, and folders of systems, only where they name them.
    """
    named = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
    depth = sum(1 for _ in named)
    for path in map(Path, glob.iglob(pattern, recursive=True)):
        folders = path.parts[depth:-1]
        if any(is_system_folder(f) and not f.startswith(".") for f in folders):
            passed_over[_IN_SYSTEM_FOLDER] += not path.is_dir()
        else:
            yield path


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM)


def _pictures_of(
    paths: Iterable[Path], passed_over: Counter[str], hidden: bool = False
) -> list[str]:
    """Returns the sorted paths of the pictures, and counts the kinds of the other paths.

    Hidden pictures are included only with `hidden`, macOS's `._` files never.
    """
    pictures = []
    for path in paths:
        kind = _kind_beside_pictures(path)
        if hidden and kind == HIDDEN and has_picture_suffix(path.name):
            kind = None
        if kind is None:
            pictures.append(str(path))
        else:
            passed_over[kind] += 1
    return sorted(pictures)


def _kind_beside_pictures(path: Path) -> str | None:
    """Returns the kind of a path that is not a picture, or None if it is one."""
    try:
        special = special_kind(path.stat().st_mode)
    except OSError:
        return "broken link"
    if special is not None:
        return special.removeprefix("a ")
    hidden = hidden_kind(path.name)
    if hidden is not None:
        return hidden
    if has_picture_suffix(path.name):
        return None
    return printable(path.suffix.lower()) or "without a suffix"
