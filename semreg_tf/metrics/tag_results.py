"""Predicted labels as JSON Lines: one `{"image_id": ..., "labels": [...]}` an image."""

import json
import os
from typing import Any

from semreg_tf.metrics.coco_results import LARGEST_ID
from semreg_tf.text.text_files import parse_json, read_text

_KEYS = {"image_id", "labels"}


def read_tag_results(path: str | os.PathLike[str]) -> dict[int | str, list[str]]:
    """Reads a file of predicted labels; blank lines are passed over.

    Args:
      path: UTF-8, with or without a byte order mark; one JSON object a line with an `image_id`
        (integer or string) and `labels` (a list of strings, which may be empty), nothing else.

    Returns:
      The labels of each image, in the file's order.

    Raises:
      TypeError: an id that is neither integer nor string, or labels that are not strings.
      ValueError: malformed JSON, other keys, an image named twice, or no image at all; the line
        is named.
    """
    text = read_text(path)
    labels_by_image: dict[int | str, list[str]] = {}
    # Not splitlines(): other line ends may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"path={str(path)!r}, line {number}"
        image_id, labels = _entry(line, where)
        if image_id in labels_by_image:
            raise ValueError(
                f"`path` must name an image once. Received: {where}: image_id {image_id!r} again"
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
        # A run's predictions.jsonl has people's labels under that name: its score would be full.
        raise ValueError(
            "`path` must hold objects with image_id and labels, the predicted ones, and no other "
            f"key. Received: {where}: {keys}"
        )
    image_id, labels = entry["image_id"], entry["labels"]
    if isinstance(image_id, bool) or not isinstance(image_id, int | str):
        raise TypeError(
            f"`image_id` must be an integer or a string. Received: {where}: image_id={image_id!r}"
        )
    if isinstance(image_id, int) and abs(image_id) > LARGEST_ID:
        raise ValueError(
            f"`image_id` must be below 2**63. Received: {where}: image_id={str(image_id)[:20]}..."
        )
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise TypeError(f"`labels` must be a list of strings. Received: {where}: labels={labels!r}")
    return image_id, labels
