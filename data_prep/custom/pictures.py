"""Checks all pictures of an annotation file before the preparation."""

import collections
import functools
import json
import os
import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath

import tensorflow as tf
import tqdm
from etils import epath

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from data_prep.images import read_images
from semreg_tf import config_io
from semreg_tf.annotating.copies_folder import COPIES_FILE
from semreg_tf.annotating.sidecars import SidecarNames
from semreg_tf.data.dataset_digests import COUNTS_FILE
from semreg_tf.data.picture_files import (
    has_picture_suffix,
    hidden_kind,
    is_system_folder,
    printable,
)

_SHOWN_NAMES = 3
_CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class PictureFolder:
    """A folder and the relative paths of all its files, with `/` as separator."""

    root: str
    names: frozenset[str]

    @classmethod
    def read(cls, root: str | PathLike[str]) -> "PictureFolder":
        """Lists a folder with all its subfolders."""
        names = set()
        # TensorFlow's own walk stops at a name that is not UTF-8.
        walk = tf.io.gfile.walk if "://" in fspath(root) else os.walk
        for folder, _, files in walk(fspath(root)):
            inner = os.path.relpath(folder, root).replace(os.sep, "/")
            names.update(posixpath.normpath(f"{inner}/{file}") for file in files)
        return cls(fspath(root), frozenset(names))

    @functools.cached_property
    def sidecars(self) -> SidecarNames:
        """The XMP sidecars of the pictures."""
        return SidecarNames(self.names)

    def pictures(self) -> list[str]:
        """Returns the sorted names of picture files.

        Hidden files, and all files in `passed_over` folders, are left out.
        """
        return self._pictures(passed_over=False)

    def passed_over(self) -> list[str]:
        """Returns the sorted names of pictures in folders that are no part of the data set.

        These are hidden folders, those of systems, such as `@eaDir`, and those in which this
        project wrote a run, prepared data or annotated copies, such as `runs` beside the pictures.
        """
        return self._pictures(passed_over=True)

    def _pictures(self, *, passed_over: bool) -> list[str]:
        return sorted(
            name
            for name in self.names
            if has_picture_suffix(name)
            and hidden_kind(posixpath.basename(name)) is None
            and self._is_passed_over(name) == passed_over
        )

    def _is_passed_over(self, name: str) -> bool:
        folders = name.split("/")[:-1]
        return any(map(is_system_folder, folders)) or any(
            "/".join(folders[: i + 1]) in self._outputs for i in range(len(folders))
        )

    @functools.cached_property
    def _outputs(self) -> frozenset[str]:
        """The folders in which this project wrote a run, prepared data or annotated copies."""
        outputs = {
            posixpath.dirname(name)
            for name in self.names
            if posixpath.basename(name) in (COUNTS_FILE, COPIES_FILE)
            or (posixpath.basename(name) == _CONFIG_FILE and self._is_config(name))
        }
        return frozenset(outputs - {""})

    def _is_config(self, name: str) -> bool:
        try:
            return config_io.is_config(json.loads((epath.Path(self.root) / name).read_bytes()))
        except (OSError, ValueError):
            return False


def check_pictures(
    entries: Sequence[Entry], folder: PictureFolder, skip_bad: bool, findings: Findings
) -> list[Entry]:
    """Reads the pictures of all entries and returns the entries with readable pictures.

    If `skip_bad`, missing and unreadable pictures are left out with a warning; otherwise they are
    problems.
    """
    report = findings.warn if skip_bad else findings.problem
    left_out = " (left out)" if skip_bad else ""
    entries = [entry for entry in entries if _is_text(entry, findings)]
    existing = [entry for entry in entries if entry.file_name in folder.names]
    hint_at = _hints(folder)
    for entry in entries:
        if entry.file_name not in folder.names:
            text = f"no picture {entry.file_name!r}{left_out}.{hint_at(entry.file_name)}"
            report(entry.line, "picture missing", text)
    if entries and not existing:
        pictures = folder.pictures()
        hint = f"{len(pictures):,} pictures are there"
        if pictures:
            hint += f", such as {', '.join(map(repr, pictures[:_SHOWN_NAMES]))}"
        findings.problem(
            entries[0].line,
            "no picture found",
            f"not one of {len(entries):,} pictures is in {folder.root!r}: is `--raw_dir` right? "
            f"{hint}",
        )
    whole, digests = [], {}
    items = ((entry, epath.Path(folder.root) / entry.file_name) for entry in existing)
    progress = tqdm.tqdm(
        read_images(items), "Checking pictures", len(existing), unit=" pictures", disable=None
    )
    for entry, image in progress:
        if image.jpeg is None:
            text = f"the picture {entry.file_name!r} cannot be read{left_out}: {image.reason}"
            report(entry.line, "picture unreadable", text)
            continue
        whole.append(entry)
        first = digests.setdefault(image.digest, entry)
        if first is not entry:
            findings.warn(
                entry.line,
                "same picture again",
                f"{entry.file_name!r} is the same picture as {first.file_name!r} on "
                f"{findings.unit} {first.line}: in two splits it would be learnt and tested "
                "at once",
            )
    return whole


def warn_of_unnamed(entries: Iterable[Entry], folder: PictureFolder, findings: Findings) -> None:
    """Warns about pictures in the folder that no line names."""
    named = {entry.file_name for entry in entries}
    unnamed = [printable(name) for name in folder.pictures() if name not in named]
    if unnamed:
        shown = ", ".join(unnamed[:_SHOWN_NAMES]) + (", ..." if len(unnamed) > _SHOWN_NAMES else "")
        findings.warn(
            0,
            "pictures on no line",
            f"pictures in the folder that no line names: {len(unnamed):,} ({shown})",
            tuple(unnamed),
        )


def _is_text(entry: Entry, findings: Findings) -> bool:
    """Refuses file names that are not UTF-8, in which records and results store names."""
    shown = printable(entry.file_name)
    if shown != entry.file_name:
        findings.problem(
            entry.line,
            "file name no UTF-8",
            f"the file name '{shown}' is not UTF-8: rename the file, and name it so in the line",
        )
    return shown == entry.file_name


def _hints(folder: PictureFolder) -> Callable[[str], str]:
    """Returns a function from the name of a missing file to a hint at a file of similar name."""
    by_form: dict[str, list[str]] = collections.defaultdict(list)
    for name in sorted(folder.names):
        for form in _forms(name):
            by_form[form].append(name)

    def hint(name: str) -> str:
        slashed = name.replace("\\", "/")
        if slashed in folder.names:
            return f" Write it with '/': {slashed!r} is there"
        similar = next((by_form[form][0] for form in _forms(slashed) if form in by_form), None)
        return f" There is {similar!r}" if similar is not None else ""

    return hint


def _forms(name: str) -> tuple[str, ...]:
    """Returns simplified forms of a name, the most specific first."""
    lower = name.lower()
    base = posixpath.basename(lower)
    stems = (posixpath.splitext(lower)[0], posixpath.splitext(base)[0])
    return (f"path {lower}", f"stem {stems[0]}", f"base {base}", f"base stem {stems[1]}")
