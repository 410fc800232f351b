"""Which answers of earlier starts are still right: those of the same picture file and user tags."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semreg_tf.annotating.picture_list import Picture

logger = logging.getLogger(__name__)
_FILE_FIELDS = ("file_bytes", "file_mtime_ns")
# What an answer file holds for later starts; printed answers, which people pass on, do not.
RESUMING_FIELDS = ("path", "user_tags", *_FILE_FIELDS, "export")


def absolute_path(path: str) -> str:
    """Returns a picture's absolute path; a URL such as `gs://bucket/a.jpg` is one already."""
    return path if "://" in path else os.path.abspath(path)


def picture_fields(picture: Picture) -> dict[str, Any]:
    """Returns the fields of an answer by which a later start knows that it is still right.

    Returns:
      `path`, absolute; `user_tags` if there are any; `file_bytes` and `file_mtime_ns`, the local
      file's size and time of change, if it exists.
    """
    fields: dict[str, Any] = {"path": absolute_path(picture.path)}
    if picture.user_tags:
        fields["user_tags"] = picture.user_tags
    try:
        status = os.stat(fields["path"])
    except (OSError, ValueError):
        return fields
    return fields | {"file_bytes": status.st_size, "file_mtime_ns": status.st_mtime_ns}


def still_right(
    rows: Mapping[str, dict[str, Any]], pictures: Sequence[Picture], needs_concepts: bool
) -> dict[str, dict[str, Any]]:
    """Returns the earlier answers that are right for pictures, by the pictures' paths.

    An answer is not right if it is an error, if the picture's file has changed, or if it was given
    with other user tags. The answer to a file that is gone is kept. Answers of versions that did
    not record the file are taken as they are, with one warning.

    Args:
      rows: earlier answers by `picture_key`.
      pictures: the pictures.
      needs_concepts: whether answers without concepts, as older tables have, are not enough.
    """
    right, num_unchecked = {}, 0
    for picture in pictures:
        fields = picture_fields(picture)
        row = rows.get(fields["path"]) or rows.get(picture.path)
        if row is None or "error" in row or (needs_concepts and "concepts" not in row):
            continue
        if "path" not in row:
            num_unchecked += 1
        elif _has_changed(row, fields):
            continue
        right[picture.path] = {**row, "file": picture.path}
    if num_unchecked:
        logger.warning(
            "%d answers are of an earlier version and are taken as they are: whether their "
            "pictures or user tags have changed is not known",
            num_unchecked,
        )
    return right


def _has_changed(row: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    compared = ("path", "user_tags", *(_FILE_FIELDS if "file_bytes" in fields else ()))
    return any(row.get(name) != fields.get(name) for name in compared)


def check_same_export(
    path: Path, rows: Mapping[str, Mapping[str, Any]], export: str | None
) -> None:
    """Checks that answers are not of another export of the same weights, as with another search.

    Raises:
      ValueError: they are.
    """
    others = {row.get("export", export) for row in rows.values()} - {export}
    if export is not None and others:
        raise ValueError(
            "`answers` must be a new file or hold answers of this export, not of another with the "
            f"same weights. Received: {str(path)!r}, of export {min(others)}, not {export}"
        )
