"""Captions in the COCO server's results format: a JSON list of `{"image_id", "caption"}`."""

import json
import numbers
import os
from collections.abc import Mapping
from typing import Any

from semreg_tf.files.whole_file import write_whole
from semreg_tf.text.text_files import parse_json, read_text

LARGEST_ID = 2**63 - 1


def results_file_name(split: str, name: str) -> str:
    """Returns the file name the COCO server asks for.

    Args:
      split: as COCO names it, `val2014` or `test2014`.
      name: the system's name.

    Raises:
      ValueError: a blank or a path separator, or nothing at all.

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
    """Writes one caption an image beside `path`, then renames: no half file is left.

    Args:
      path: the file to write or replace; missing parent folders are made.
      captions: the caption of each image. COCO's ids are integers; the server takes no other.

    Raises:
      TypeError: an id that is neither integer nor string, or a caption that is not a string.
    """
    entries = [_entry("captions", image_id, text) for image_id, text in captions.items()]
    write_whole(path, json.dumps(entries))


def read_results(path: str | os.PathLike[str]) -> dict[int | str, str]:
    """Reads a results file back.

    Args:
      path: a JSON file, UTF-8, with or without a byte order mark.

    Returns:
      The caption of each image, in the file's order.

    Raises:
      TypeError: an id that is neither integer nor string, or a caption that is not a string.
      ValueError: malformed JSON, another structure, a missing key, or an image named twice.
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
                "`path` must name an image once. "
                f"Received: {where}: image_id {entry['image_id']!r} again"
            )
        captions[entry["image_id"]] = entry["caption"]
    return captions


def _entry(where: str, image_id: Any, caption: Any) -> dict[str, Any]:
    """Returns one checked object of the file; integers of NumPy become plain ones."""
    received = f"Received: {where}: image_id={image_id!r}, caption={caption!r}"
    if isinstance(image_id, numbers.Integral) and not isinstance(image_id, bool):
        image_id = int(image_id)
        if abs(image_id) > LARGEST_ID:
            raise ValueError(
                "`image_id` must be below 2**63. "
                f"Received: {where}: image_id={str(image_id)[:20]}..."
            )
    elif not isinstance(image_id, str):
        raise TypeError(f"`image_id` must be an integer or a string. {received}")
    if not isinstance(caption, str):
        raise TypeError(f"`caption` must be a string. {received}")
    return {"image_id": image_id, "caption": caption}
