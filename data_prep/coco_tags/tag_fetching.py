"""Fetches the user tags of many photos into one file; an interrupted fetch can be continued."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import IO

from tqdm import tqdm

from data_prep.coco_files import read_coco
from data_prep.coco_tags.flickr_client import TagsAnswer, TemporaryError
from data_prep.coco_tags.user_tags_file import PhotoTags, drop_half_line, read_user_tags
from semreg_tf.files.file_lock import FileLock

# http://farm5.staticflickr.com/4026/4622125393_84c1fdb8d6_z.jpg: the photo's id, its secret.
_PHOTO_URL = re.compile(r"/(\d+)_[0-9a-f]+(?:_\w+)?\.\w+$")
_MOST_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class FetchSummary:
    """The numbers of photos by result; `later` ones had no answer and are fetched next time."""

    with_tags: int
    without_tags: int
    dead: int
    later: int

    def __str__(self) -> str:
        return (
            f"{self.with_tags:,} photos with tags, {self.without_tags:,} without, {self.dead:,} "
            f"gone or without a photo id, {self.later:,} without an answer yet"
        )


def read_photo_ids(annotation_files: Iterable[str | PathLike[str]]) -> dict[str, str | None]:
    """Reads the Flickr photo ids of the images in COCO annotation files of any kind.

    Returns:
      Image id -> photo id, in the order of the files; None if `flickr_url` has no photo id.

    Raises:
      ValueError: a file is missing or damaged.
    """
    photo_ids: dict[str, str | None] = {}
    for path in annotation_files:
        if not Path(path).is_file():
            raise ValueError(
                f"`annotations` must be COCO annotation files. Received: no file {fspath(path)!r}"
            )
        for image in read_coco(path, {}).dataset["images"]:
            match = _PHOTO_URL.search(image.get("flickr_url") or "")
            photo_ids[str(image["id"])] = match[1] if match else None
    return photo_ids


def fetch_user_tags(
    photo_ids: Mapping[str, str | None],
    ask: Callable[[str], TagsAnswer],
    output: str | PathLike[str],
) -> FetchSummary:
    """Fetches the tags of all photos that are not in the output yet, and appends them.

    Each answer is written before the next request; an incomplete last line of a killed run is
    removed. Photos that no longer exist are recorded with the reason and not requested again.
    Photos without an answer are not recorded, so that the next run requests them.

    Args:
      photo_ids: image id -> photo id, the result of `read_photo_ids`.
      ask: `FlickrClient.tags`.
      output: the JSON Lines file, see `user_tags_file`.

    Returns:
      The counts of all `photo_ids`, including earlier runs.

    Raises:
      ValueError: the output is damaged or in use by another process, the service refuses requests,
        or three photos in a row got no answer.
    """
    with _appending(Path(output)) as file:
        known = read_user_tags(output)
        todo = [image_id for image_id in photo_ids if image_id not in known]
        failures_in_a_row = 0
        progress = tqdm(
            todo, unit="photo", total=len(photo_ids), initial=len(photo_ids) - len(todo)
        )
        for image_id in progress:
            try:
                entry = _entry(image_id, photo_ids[image_id], ask)
            except TemporaryError as error:
                failures_in_a_row += 1
                if failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
                    raise ValueError(
                        "`base_url` must answer: wait, then start the same command, which goes on "
                        f"from here. Received: {error}"
                    ) from None
                continue
            failures_in_a_row = 0
            known[image_id] = entry
            file.write(entry.to_line().encode())
    return _summary(photo_ids, known)


def _entry(image_id: str, photo_id: str | None, ask: Callable[[str], TagsAnswer]) -> PhotoTags:
    if photo_id is None:
        return PhotoTags(image_id, None, problem="no photo id in flickr_url")
    return PhotoTags(image_id, photo_id, *ask(photo_id))


def _summary(photo_ids: Mapping[str, str | None], known: Mapping[str, PhotoTags]) -> FetchSummary:
    entries = [known[image_id] for image_id in photo_ids if image_id in known]
    dead = sum(entry.problem is not None for entry in entries)
    with_tags = sum(bool(entry.tags) for entry in entries)
    return FetchSummary(
        with_tags, len(entries) - dead - with_tags, dead, len(photo_ids) - len(entries)
    )


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """Locks the file, removes an incomplete last line, and opens it unbuffered for appending."""
    with (
        FileLock(path.with_name(f".{path.name}.lock"), "output", path),
        path.open("ab", buffering=0) as file,
    ):
        drop_half_line(path)
        yield file
