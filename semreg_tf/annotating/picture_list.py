"""Which pictures a user means: files, folders, patterns, and lines of standard input."""

import glob
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semreg_tf.data.picture_files import (
    HIDDEN,
    SUFFIXES,
    has_picture_suffix,
    hidden_kind,
    printable,
    special_kind,
)
from semreg_tf.text.cleaning import lone_surrogate
from semreg_tf.text.file_names import on_disk
from semreg_tf.text.text_files import BOM

STANDARD_INPUT = "-"
_SUBFOLDER = "folder"
_SHOWN_KINDS = 8


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


def list_pictures(
    arguments: Sequence[str],
    lines: Iterable[str] = (),
    passed_over: Counter[str] | None = None,
) -> list[Picture]:
    r"""Returns the pictures that arguments name, each once, in their order.

    Args:
      arguments: files, taken as they are, there or not; folders, for the pictures right inside
        them; patterns such as `trip/**/*.jpg`; `-`, for the lines.
      lines: of standard input: a path each, or a path, a tab and user tags.
      passed_over: where given, the kinds of what folders and patterns hold beside pictures are
        counted in it: suffixes such as ".txt", hidden files, folders, named pipes.

    Raises:
      ValueError: nothing is named, or a folder or a pattern holds no picture.

    Example:
      >>> list_pictures(["-"], ["beach.jpg\tsea, sun"])
      [Picture(path='beach.jpg', user_tags='sea, sun')]
    """
    found: dict[str, Picture] = {}
    passed_over = Counter() if passed_over is None else passed_over
    for argument in arguments:
        for picture in _named(argument, lines, passed_over):
            found.setdefault(picture.path, picture)
    if not found:
        raise ValueError(
            "Give at least one picture, folder or pattern, or `-` to read paths from standard "
            "input. Received: none"
        )
    return list(found.values())


def describe_passed_over(passed_over: Counter[str]) -> str:
    """Returns in one line what folders and patterns held beside pictures; "" if nothing.

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
    beside: Counter[str] = Counter()
    if path.is_dir():
        paths = _pictures_of(path.iterdir(), beside)
    elif glob.has_magic(argument) and not path.exists():
        # A folder that a pattern matches is no more than a step on the way to what is in it.
        matched = (Path(p) for p in glob.iglob(argument, recursive=True))
        asked = Path(argument).name.startswith(".")
        paths = _pictures_of((p for p in matched if not p.is_dir()), beside, hidden=asked)
    else:
        return [Picture(on_disk(argument))]
    passed_over.update(beside)
    if not paths:
        told = describe_passed_over(beside)
        raise ValueError(
            f"A folder or pattern must hold pictures ({', '.join(SUFFIXES)})"
            f"{f': {told}' if told else ''}. Received: '{printable(argument)}'"
        )
    return [Picture(p) for p in paths]


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM)


def _pictures_of(
    paths: Iterable[Path], passed_over: Counter[str], hidden: bool = False
) -> list[str]:
    """Returns the paths that are pictures', sorted, and counts the kinds of the others.

    Args:
      paths: what to judge.
      passed_over: where the kinds are counted.
      hidden: whether hidden files are meant too; macOS's `._` files never are.
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
    """Returns what a path is that is taken for no picture; None: it is taken for one."""
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
