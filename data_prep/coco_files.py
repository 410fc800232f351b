"""Reader of COCO's annotation files by pycocotools, with checks and readable errors."""

import contextlib
import io
from collections import Counter
from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any

from pycocotools.coco import COCO

from data_prep.json_files import read_json

_IMAGE_KEYS = {"id": int, "file_name": str}
_ANNOTATION_KEYS = {"id": int, "image_id": int}
_CAPTION_OR_CATEGORY = {"caption": str, "category_id": int}
_CATEGORY_KEYS = {"id": int, "name": str}


def read_coco(
    path: str | PathLike[str],
    annotation_keys: dict[str, type] | None,
    argument: str = "raw_dir",
) -> COCO:
    """Reads an annotation file and checks what pycocotools does not.

    Args:
      path: the file.
      annotation_keys: required fields of annotations, such as `{"caption": str}`; None: each
        annotation has a caption or a category of the file, or both. (A file without categories may
        have any `category_id` beside captions.)
      argument: the name of the argument in messages.

    Returns:
      pycocotools' index; `images` and `annotations` of its `dataset` are in the file's order.

    Raises:
      ValueError: the file is truncated or of another form, an entry lacks a field, or two entries
        have the same id; the message names the place.
    """
    dataset = read_json(path, argument)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            if not isinstance(dataset, dict):
                raise TypeError(f"a JSON {type(dataset).__name__}, no object")
            coco = COCO()
            # With categories, pycocotools requires one of each annotation.
            coco.dataset = {name: dataset[name] for name in dataset if name != "categories"}
            coco.createIndex()
            coco.dataset = dataset
            coco.cats = {category["id"]: category for category in dataset.get("categories", ())}
        except (AssertionError, KeyError, TypeError, AttributeError) as error:
            raise _refused(path, f"{type(error).__name__}: {error}", argument) from None
    _check_entries(path, coco.dataset, "images", _IMAGE_KEYS, argument)
    _check_entries(path, coco.dataset, "annotations", _ANNOTATION_KEYS, argument)
    _check_entries(path, coco.dataset, "annotations", annotation_keys, argument)
    numbered = list(enumerate(coco.dataset["annotations"], start=1))
    if annotation_keys is None:
        numbered = [
            (number, annotation)
            for number, annotation in numbered
            if annotation.get("category_id") is not None
            and (coco.cats or annotation.get("caption") is None)
        ]
    if numbered if annotation_keys is None else "category_id" in annotation_keys:
        _check_entries(path, coco.dataset, "categories", _CATEGORY_KEYS, argument)
        for number, annotation in numbered:
            if annotation["category_id"] not in coco.cats:
                what = f"category_id={annotation['category_id']}, no category's id"
                raise _refused(path, f"number {number} of 'annotations': {what}", argument)
    return coco


def unlisted_images(coco: COCO) -> list[str]:
    """Returns descriptions of annotations whose images are not listed, in the file's order."""
    return [
        f"annotation {a['id']} of image {a['image_id']}"
        for a in coco.dataset["annotations"]
        if a["image_id"] not in coco.imgs
    ]


def check_distinct_images(files: Iterable[tuple[str, COCO]]) -> None:
    """Checks that no image is in two annotation files, given as pairs of name and content.

    Raises:
      ValueError: an image is in two files; the message names it and both files.
    """
    first: dict[int, str] = {}
    for name, coco in files:
        for image_id in coco.imgs:
            if image_id in first:
                raise ValueError(
                    "`raw_dir` must hold annotation files without a common image. "
                    f"Received: image id {image_id} in {first[image_id]} and {name}"
                )
            first[image_id] = name


def _check_entries(
    path: str | PathLike[str],
    dataset: dict[str, Any],
    kind: str,
    keys: dict[str, type] | None,
    argument: str,
) -> None:
    """Checks the fields of entries; `keys` is None as for `read_coco`."""
    entries = dataset.get(kind)
    if not isinstance(entries, list):
        raise _refused(path, f"no list {kind!r}", argument)
    for number, entry in enumerate(entries, start=1):
        required = _caption_or_category(entry) if keys is None else keys
        bad = [key for key, kind in required.items() if not _is(entry.get(key), kind)]
        if bad:
            what = f"number {number} of {kind!r}: {bad[0]}={entry.get(bad[0])!r}"
            raise _refused(path, what, argument)
    if keys is None or "id" not in keys:
        return
    twice = [entry_id for entry_id, n in Counter(e["id"] for e in entries).items() if n > 1]
    if twice:
        numbers = [n for n, e in enumerate(entries, start=1) if e["id"] == twice[0]]
        what = f"numbers {numbers[0]} and {numbers[1]} of {kind!r}: id {twice[0]}"
        raise _refused(path, what, argument)


def _caption_or_category(annotation: dict[str, Any]) -> dict[str, type]:
    """Returns the fields that an annotation has; one that is missing if it has neither."""
    fields = _CAPTION_OR_CATEGORY
    given = {key: kind for key, kind in fields.items() if annotation.get(key) is not None}
    missing = "caption" if "caption" in annotation else "category_id"
    return given or {missing: fields[missing]}


def _is(value: Any, kind: type) -> bool:
    """Returns whether a value has a type; booleans and integers above 64 bits are not `int`."""
    if kind is int:
        return type(value) is int and abs(value) < 2**63
    return isinstance(value, kind)


def _refused(path: str | PathLike[str], what: str, argument: str) -> ValueError:
    return ValueError(
        f"`{argument}` must hold COCO's annotation files, whose images, annotations and categories "
        f"have distinct ids. Received: {fspath(path)!r}, {what}"
    )
