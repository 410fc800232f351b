"""The file of user tags that the fetcher writes and the builder reads: a JSON line per image.

{"image_id": "9", "photo_id": "4622125393", "tags": ["food", "lunchbox"], "problem": null}
{"image_id": "25", "photo_id": "241612385", "tags": [], "problem": "1: Photo not found"}
"""

import json
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path

from semreg_tf.text.text_files import parse_json, without_bom


@dataclass(frozen=True)
class PhotoTags:
    """The tags of an image's photo, or the `problem`, why none are known."""

    image_id: str
    photo_id: str | None
    tags: tuple[str, ...] = ()
    problem: str | None = None

    def to_line(self) -> str:
        """Returns the line of the file, including the newline."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


def drop_half_line(path: str | PathLike[str]) -> None:
    """Removes an incomplete last line of a killed fetcher, if the file exists."""
    file = Path(path)
    if file.exists():
        with file.open("r+b") as lines:
            lines.truncate(lines.read().rfind(b"\n") + 1)


def read_user_tags(path: str | PathLike[str]) -> dict[str, PhotoTags]:
    """Reads a file that `fetch_flickr_tags` wrote.

    Returns:
      Image id -> tags, in the order of the file.

    Raises:
      ValueError: there is no such file, a line is truncated or of another form, or an image occurs
        twice; the message gives the line.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(
            "`user_tags_file` must be a file that fetch_flickr_tags wrote. "
            f"Received: no file {fspath(path)!r}"
        )
    images: dict[str, PhotoTags] = {}
    *lines, incomplete = without_bom(file.read_bytes()).split(b"\n")
    if incomplete:
        raise _refused(path, len(lines) + 1, "cut short; run fetch_flickr_tags again")
    for number, line in enumerate(lines, start=1):
        entry = _from_line(line)
        if entry is None:
            raise _refused(path, number, repr(line[:60]))
        if entry.image_id in images:
            raise _refused(path, number, f"image {entry.image_id!r} again")
        images[entry.image_id] = entry
    return images


def _from_line(line: bytes) -> PhotoTags | None:
    try:
        entry = PhotoTags(**parse_json(line.decode()))
    except (ValueError, TypeError):
        return None
    tags = entry.tags
    whole = (
        isinstance(entry.image_id, str)
        and isinstance(entry.photo_id, str | None)
        and isinstance(entry.problem, str | None)
        and isinstance(tags, list)
        and all(isinstance(tag, str) and tag and "\n" not in tag for tag in tags)
        and len(set(tags)) == len(tags)
    )
    return PhotoTags(entry.image_id, entry.photo_id, tuple(tags), entry.problem) if whole else None


def _refused(path: str | PathLike[str], number: int, what: str) -> ValueError:
    return ValueError(
        "`user_tags_file` must hold one JSON line an image with image_id, photo_id, tags (distinct "
        f"names) and problem. Received: {fspath(path)!r}, line {number}: {what}"
    )
