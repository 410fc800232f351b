"""Predicted labels as JSON Lines: one `{"image_id": ..., "labels": [...]}` per image."""

import json
import os
from typing import Any

from semreg_tf.metrics.coco_results import checked_image_id
from semreg_tf.text.text_files import parse_json, read_text

_KEYS = {"image_id", "labels"}


def read_tag_results(path: str | os.PathLike[str]) -> dict[int | str, list[str]]:
    """Reads a file of predicted labels; blank lines are skipped.

    Args:
      path: a UTF-8 file, with or without a byte order mark; each line is a JSON object with
        `image_id` (integer or string), `labels` (a list of strings, may be empty) and no other key.

    Returns:
      The labels of each image, in the file's order.

    Raises:
      TypeError: an id is neither an integer nor a string, or labels are not strings.
      ValueError: a line is not JSON or has other keys, an image is named twice, or there is no
        image; the error names the line.
    """
    text = read_text(path)
    labels_by_image: dict[int | str, list[str]] = {}
    # splitlines() would also split at line ends inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"path={str(path)!r}, line {number}"
        image_id, labels = _entry(line, where)
        if image_id in labels_by_image:
            raise ValueError(
                f"`path` must name each image once. Received: {where}: image_id {image_id!r} again"
            )
        labels_by_image[image_id] = labels
    if not labels_by_image:
        raise ValueError(
            f"`path` must hold at least one image. Received: path={str(path)!r} without any"
        )
    return labels_by_image


def _entry(line: str, where: str) -> tuple[int | str, list[str]]:
    try:
        entry: Any = parse_json(line)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"`path` must hold a JSON object on each line: {error.msg} at column {error.colno}. "
            f"Received: {where}"
        ) from error
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        keys = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        # Other keys are refused because `labels` in a run's predictions.jsonl is the ground truth.
        raise ValueError(
            "`path` must hold objects with image_id and labels, the predicted ones, and no other "
            f"key. Received: {where}: {keys}"
        )
    image_id, labels = checked_image_id(entry["image_id"], where), entry["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise TypeError(f"`labels` must be a list of strings. Received: {where}: labels={labels!r}")
    return image_id, labels
