"""Sources of annotations: a file of lines, COCO's JSON, keywords in pictures, folders."""

import collections
import hashlib
import json
import posixpath
import sys
from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import Any

import tqdm
from etils import epath

from data_prep.custom.annotation_file import Row, read_rows
from data_prep.custom.coco_source import coco_rows
from data_prep.custom.findings import Findings, some_names
from data_prep.custom.keywords import UnreadableKeywordsError, picture_keywords
from data_prep.custom.options import DEFAULT_FILES
from data_prep.custom.pictures import PictureFolder

_SOURCES = {
    "lines": "the annotation file",
    "keywords": "the pictures' keywords",
    "folders": "the names of the folders",
}
# If all top folders have these names, they are splits, and the folders in them are labels.
_SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}


def choose_format(raw_dir: str | PathLike[str], annotations: Any, chosen: str) -> str:
    """Returns the format of the annotations: "lines", "coco", "keywords" or "folders".

    For "auto" it is the file if that exists, otherwise keywords if any picture has some, otherwise
    folders if there are two or more with pictures. Folders come before keywords that fewer than
    half of the pictures have.

    Raises:
      ValueError: the format requires a file or allows none, or there are no annotations.
    """
    root = epath.Path(raw_dir)
    if chosen in ("keywords", "folders") and annotations is not None:
        raise ValueError(
            f"`annotations` must be left out with --format={chosen}, which reads the pictures' "
            f"folder alone. Received: annotations={fspath(annotations)!r}"
        )
    if chosen == "coco" and annotations is None:
        raise ValueError(
            "`annotations` must name COCO's JSON file, or several parted by commas, with "
            "--format=coco. Received: annotations=None"
        )
    if chosen != "auto" or annotations is not None:
        return "lines" if chosen == "auto" else chosen
    files = [name for name in DEFAULT_FILES if (root / name).is_file()]
    folder = PictureFolder.read(raw_dir)
    with_folders = len({posixpath.dirname(name) for name in folder.pictures()} - {""}) > 1
    sources = {"lines": _SOURCES["lines"]} if files else {}
    if with_folders:
        sources["folders"] = _SOURCES["folders"]
    # Searching keywords takes long; a file that the user put there is read without this search.
    if not files:
        total = len(folder.pictures())
        number = _count_keywords(folder, stop_at_one=not with_folders)
        shown = f"{_SOURCES['keywords']} (on {number} of {total})"
        keywords = {"keywords": shown} if number else {}
        sources = sources | keywords if 2 * number < total else keywords | sources
    if sources:
        form, *others = sources
        if others:
            passed_over = " and ".join(sources[other] for other in others)
            print(
                f"Annotations are read from {sources[form]}; {passed_over} are passed over "
                f"(--format={others[0]} reads them)",
                file=sys.stderr,
            )
        return form
    tables = sorted(p for p in root.iterdir() if p.suffix.lower() in (".csv", ".jsonl"))
    hint = f", such as --annotations={fspath(tables[0])}" if tables else ""
    raise ValueError(
        f"`raw_dir` must say what is on the pictures: by a file {' or '.join(DEFAULT_FILES)}, by "
        "keywords (XMP, IPTC) in the pictures, or by one sub-folder for each label; or name the "
        f"file by `--annotations`{hint}. Keywords that `annotate_images` wrote do not "
        f"count. Received: raw_dir={fspath(raw_dir)!r}, annotations=None, "
        f"{len(folder.pictures()):,} pictures"
    )


def read_source(
    raw_dir: str | PathLike[str], annotations: Any, form: str, findings: Findings
) -> list[Row]:
    """Reads the annotations.

    Args:
      raw_dir: the folder of the pictures.
      annotations: the file, for "coco" also several separated by commas; None for formats without
        a file.
      form: the result of `choose_format`.
      findings: collects problems and warnings; for formats without lines its unit is "picture".

    Raises:
      ValueError: a file is missing or of another form.
    """
    if form == "lines":
        return read_rows(annotations, findings)
    findings.unit = "picture"
    if form == "coco":
        return coco_rows(fspath(annotations).split(","), findings)
    folder = PictureFolder.read(raw_dir)
    reader: dict[str, Callable[[PictureFolder, Findings], list[Row]]] = {
        "keywords": _keyword_rows,
        "folders": _folder_rows,
    }
    rows = reader[form](folder, findings)
    passed_over = folder.passed_over()
    if passed_over:
        findings.warn(
            0,
            "pictures passed over",
            f"{len(passed_over):,} pictures in hidden folders, folders of systems, runs, "
            f"prepared data or annotated copies are passed over ({some_names(passed_over)})",
            tuple(passed_over),
        )
    if not rows:
        findings.problem(
            0,
            "no annotation",
            f"no picture in {folder.root!r} has what --format={form} reads"
            + ("; keywords that `annotate_images` wrote do not count" * (form == "keywords")),
        )
    return rows


def rows_digest(rows: Sequence[Row]) -> str:
    """Returns the SHA-256 of rows, for formats without an annotation file."""
    lines = (json.dumps(row.values, sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _count_keywords(folder: PictureFolder, stop_at_one: bool) -> int:
    """Returns the number of pictures with keywords of people, at most 1 with `stop_at_one`."""
    number = 0
    for name in tqdm.tqdm(
        folder.pictures(), "Looking for keywords", unit=" pictures", disable=None
    ):
        try:
            number += bool(picture_keywords(folder.root, name, folder.sidecars).people)
        except (UnreadableKeywordsError, OSError):
            continue
        if number and stop_at_one:
            break
    return number


def _keyword_rows(folder: PictureFolder, findings: Findings) -> list[Row]:
    rows, without, by_annotate, sharing = [], [], [], []
    for name in tqdm.tqdm(folder.pictures(), "Reading keywords", unit=" pictures", disable=None):
        try:
            keywords = picture_keywords(folder.root, name, folder.sidecars)
        except (UnreadableKeywordsError, OSError) as error:
            findings.warn(0, "keywords unreadable", f"{name!r} is left out: {error}", (name,))
            continue
        if keywords.people:
            rows.append(Row(len(rows) + 1, {"file_name": name, "labels": list(keywords.people)}))
        else:
            without.append(name)
        if keywords.annotate:
            by_annotate.append(name)
        if folder.sidecars.shared(name) is not None:
            sharing.append(name)
    findings.warn_left_out("no keywords", "have no keywords of people", without)
    for kind, what, names in (
        ("keywords of annotate", "keywords that `annotate_images` wrote, not read", by_annotate),
        ("sidecar shared", "a sidecar of the same name as another picture's, not read", sharing),
    ):
        if names:
            text = f"{len(names):,} pictures have {what} ({some_names(names)})"
            findings.warn(0, kind, text, tuple(names))
    return rows


def _folder_rows(folder: PictureFolder, findings: Findings) -> list[Row]:
    inside = [name for name in folder.pictures() if "/" in name]
    outside = [name for name in folder.pictures() if "/" not in name]
    tops = {name.split("/")[0] for name in inside}
    are_splits = bool(tops) and all(top.lower() in _SPLIT_FOLDERS for top in tops)
    _check_splits_alone(inside, findings)
    rows = []
    for name in inside:
        parts = name.split("/")[:-1]
        if are_splits and len(parts) < 2:
            outside.append(name)
            continue
        values: dict[str, Any] = {"file_name": name, "labels": [parts[1 if are_splits else 0]]}
        if are_splits:
            values["split"] = _SPLIT_FOLDERS[parts[0].lower()]
        rows.append(Row(len(rows) + 1, values))
    labels = {row.values["labels"][0] for row in rows}
    if len(labels) == 1:
        findings.problem(
            0,
            "one label",
            f"all pictures lie in one folder, {labels.pop()!r}: give each label a folder",
        )
    findings.warn_left_out("in no label's folder", "lie in no label's folder", outside)
    return rows


def _check_splits_alone(names: Sequence[str], findings: Findings) -> None:
    """Refuses folders of splits, such as train and test, beside a folder that is no split.

    One such folder among others, with pictures directly in it, may be a label: trains.
    """
    depths: dict[str, set[bool]] = collections.defaultdict(set)
    for name in names:
        top, *inner = name.split("/")
        depths[top].add(len(inner) > 1)
    splits = [top for top in sorted(depths) if top.lower() in _SPLIT_FOLDERS]
    others = [top for top in sorted(depths) if top.lower() not in _SPLIT_FOLDERS]
    are_splits = len(splits) > 1 or any(depths[top] == {True} for top in splits)
    if are_splits and others:
        findings.problem(
            0,
            "splits beside other folders",
            f"{', '.join(map(repr, splits))} are names of splits, but {some_names(others)} beside "
            "them are not: move these out of the folder, or rename the folders of splits",
        )
