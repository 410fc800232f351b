"""Fetches the user tags of many photos into one file, and goes on where it was stopped."""

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
    """What became of all photos: `later` ones gave no answer and are asked for next time."""

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
    """Reads the images of COCO annotation files of any kind, and their photos' ids on Flickr.

    Args:
      annotation_files: their paths.

    Returns:
      By image id in the order of the files; None where `flickr_url` holds no photo id.

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
    """Asks for every photo that the output does not hold yet, and appends the answers.

    Each answer is on the disk before the next question; the half line that a killed run may
    leave is dropped. Photos that are gone are recorded with the reason and not asked for again.
    Photos without an answer are not recorded, so the next start asks for them.

    Args:
      photo_ids: photo ids by image id, as of `read_photo_ids`.
      ask: `FlickrClient.tags`.
      output: the JSON lines file, in the form of `user_tags_file`.

    Returns:
      The counts over all of `photo_ids`, of this and earlier starts.

    Raises:
      ValueError: the output is damaged or in use by another fetcher, the service refuses us, or
        three photos in a row got no answer.
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
    """Opens the file, unbuffered, for one process alone and without a half last line."""
    with (
        FileLock(path.with_name(f".{path.name}.lock"), "output", path),
        path.open("ab", buffering=0) as file,
    ):
        drop_half_line(path)
        yield file
