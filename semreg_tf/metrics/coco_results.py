"""Captions in the results format of the COCO server: a JSON list of `{"image_id", "caption"}`."""

import json
import numbers
import os
from collections.abc import Mapping
from typing import Any

from semreg_tf.files.whole_file import write_whole
from semreg_tf.text.text_files import parse_json, read_text

_LARGEST_ID = 2**63 - 1


def results_file_name(split: str, name: str) -> str:
    """Returns the file name that the COCO server requires.

    Args:
      split: COCO's name of the split, `val2014` or `test2014`.
      name: the system's name.

    Raises:
      ValueError: a name is empty, or has a blank or a path separator.

    Example:
      >>> results_file_name("test2014", "ours")
      'captions_test2014_ours_results.json'
    """
    for argument, value in (("split", split), ("name", name)):
        if not value or any(c.isspace() or c in "/\\" for c in value):
            raise ValueError(
                f"`{argument}` must be a word without blanks and slashes, as it becomes part of a "
                f"file name. Received: {argument}={value!r}"
            )
    return f"captions_{split}_{name}_results.json"


def write_results(path: str | os.PathLike[str], captions: Mapping[int | str, str]) -> None:
    """Writes one caption per image, atomically. COCO's server accepts only integer ids.

    Raises:
      TypeError: an id is neither an integer nor a string, or a caption is not a string.
    """
    entries = [_entry("captions", image_id, text) for image_id, text in captions.items()]
    write_whole(path, json.dumps(entries))


def read_results(path: str | os.PathLike[str]) -> dict[int | str, str]:
    """Reads a results file, UTF-8, with or without a byte order mark.

    Returns:
      The caption of each image, in the file's order.

    Raises:
      TypeError: an id is neither an integer nor a string, or a caption is not a string.
      ValueError: the file is not JSON, has another structure or a missing key, or names an image
        twice.
    """
    try:
        entries = parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"`path` must be a JSON file: {error.msg} at line {error.lineno}, column "
            f"{error.colno}. Received: path={str(path)!r}"
        ) from error
    if not isinstance(entries, list):
        raise ValueError(
            "`path` must hold a JSON list of objects with image_id and caption. "
            f"Received: path={str(path)!r} with a {type(entries).__name__}"
        )
    captions: dict[int | str, str] = {}
    for index, entry in enumerate(entries):
        where = f"path={str(path)!r}, entry {index}"
        missing = [
            k for k in ("image_id", "caption") if not isinstance(entry, dict) or k not in entry
        ]
        if missing:
            raise ValueError(
                f"`path` must hold objects with image_id and caption; {' and '.join(missing)} "
                f"missing. Received: {where}: {entry!r}"
            )
        entry = _entry(where, entry["image_id"], entry["caption"])
        if entry["image_id"] in captions:
            raise ValueError(
                "`path` must name each image once. "
                f"Received: {where}: image_id {entry['image_id']!r} again"
            )
        captions[entry["image_id"]] = entry["caption"]
    return captions


def _entry(where: str, image_id: Any, caption: Any) -> dict[str, Any]:
    """Returns one checked object of the file."""
    image_id = checked_image_id(image_id, where)
    if not isinstance(caption, str):
        raise TypeError(
            "`caption` must be a string. "
            f"Received: {where}: image_id={image_id!r}, caption={caption!r}"
        )
    return {"image_id": image_id, "caption": caption}


def checked_image_id(image_id: Any, where: str) -> int | str:
    """Returns an image's id, a NumPy integer as a plain one; errors say `where` it is.

    Raises:
      TypeError: it is neither an integer nor a string.
      ValueError: the integer is too large.
    """
    if isinstance(image_id, bool) or not isinstance(image_id, numbers.Integral | str):
        raise TypeError(
            f"`image_id` must be an integer or a string. Received: {where}: image_id={image_id!r}"
        )
    if isinstance(image_id, str):
        return image_id
    number = int(image_id)
    if abs(number) > _LARGEST_ID:
        raise ValueError(
            f"`image_id` must be below 2**63. Received: {where}: image_id={str(image_id)[:20]}..."
        )
    return number
