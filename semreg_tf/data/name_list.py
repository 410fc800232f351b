"""Lists of names with training counts, and their text files."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath

import tensorflow as tf

from semreg_tf.data.atomic_write import read_lines, write_lines
from semreg_tf.data.text import is_punctuation
from semreg_tf.files import digests

FORMAT_VERSION = 1


@dataclass(frozen=True)
class NameList:
    """Names with their counts in the training split.

    Example:
      >>> NameList.from_counts({"sky": 3, "boat": 5}).names
      ('boat', 'sky')
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.counts):
            raise ValueError(
                "`names` and `counts` must be equally long. "
                f"Received: {len(self.names)} names, {len(self.counts)} counts"
            )
        if len(self.index) != len(self.names):
            repeated = next(n for i, n in enumerate(self.names) if self.index[n] != i)
            raise ValueError(f"`names` must be distinct. Received: {repeated!r} twice")
        invalid = next((n for n in self.names if not n or "\n" in n), None)
        if invalid is not None:
            raise ValueError(f"`names` must be non-empty single lines. Received: {invalid!r}")

    @classmethod
    def from_counts(cls, counts: dict[str, int]) -> "NameList":
        """Returns the names by decreasing count; ties are alphabetical."""
        items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(tuple(name for name, _ in items), tuple(count for _, count in items))

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """The index of each name."""
        return {name: i for i, name in enumerate(self.names)}

    @property
    def count_of(self) -> dict[str, int]:
        """The count of each name."""
        return dict(zip(self.names, self.counts, strict=True))

    def __len__(self) -> int:
        return len(self.names)

    def where(self, is_used: Callable[[str, int], bool]) -> "NameList":
        """Returns the names for which a function of name and count is true."""
        counts = {name: count for name, count in self.count_of.items() if is_used(name, count)}
        return NameList(tuple(counts), tuple(counts.values()))

    def head(self, size: int) -> "NameList":
        """Returns the first `size` names, or all if there are fewer."""
        return NameList(self.names[:size], self.counts[:size])

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a header line, then `name<TAB>count` lines."""
        write_names(path, "names", self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "NameList":
        """Reads a file that `save` wrote.

        Raises:
          ValueError: the file is not such a list; the message gives path and line.
        """
        return read_names(path, ("names",))[1]


def coverage(words: NameList, num_words: int) -> float:
    """Returns the fraction of all word occurrences that the most frequent words cover (Sec. 5.1).

    Punctuation is not counted (ours). The words are in order of decreasing count; without any the
    fraction is 0.
    """
    counts = words.where(lambda word, _: not is_punctuation(word)).counts
    return sum(counts[:num_words]) / sum(counts) if counts else 0.0


def write_names(path: str | PathLike[str], kind: str, entries: NameList) -> None:
    """Writes a header line with the kind, then `name<TAB>count` lines."""
    write_lines(path, _lines(kind, entries))


def names_digest(kind: str, entries: NameList) -> str:
    """Returns the SHA-256 of the file that `write_names` writes."""
    return digests.lines_digest(_lines(kind, entries))


def _lines(kind: str, entries: NameList) -> list[str]:
    lines = (f"{name}\t{count}" for name, count in entries.count_of.items())
    return [f"semreg_tf {kind} {FORMAT_VERSION}", *lines]


def read_names(path: str | PathLike[str], kinds: tuple[str, ...]) -> tuple[str, NameList]:
    """Reads a file that `write_names` wrote, of one of the accepted kinds.

    Returns:
      The kind of the file and its names.

    Raises:
      ValueError: the file is missing, damaged, or of another kind or version.
    """
    if not tf.io.gfile.exists(path):
        raise ValueError(
            f"`path` must be a file of {' or '.join(kinds)}: it does not exist. "
            f"Received: path={fspath(path)!r}"
        )
    header, *lines = read_lines(path) or [""]
    match header.split(" "):
        case ["semreg_tf", kind, version] if kind in kinds and version == str(FORMAT_VERSION):
            pass
        case _:
            expected = " or ".join(f"'semreg_tf {kind} {FORMAT_VERSION}'" for kind in kinds)
            raise ValueError(
                f"`path` must start with the line {expected}. "
                f"Received: path={fspath(path)!r}, line 1: {header!r}"
            )
    names, counts = [], []
    for number, line in enumerate(lines, start=2):
        name, _, count = line.rpartition("\t")
        if not name or not count.isdecimal():
            raise ValueError(
                "`path` must hold a name, a tab and a count on each line. "
                f"Received: path={fspath(path)!r}, line {number}: {line!r}"
            )
        names.append(name)
        counts.append(int(count))
    try:
        return kind, NameList(tuple(names), tuple(counts))
    except ValueError as error:
        raise ValueError(f"{error} (path={fspath(path)!r})") from None
