"""Flickr8k (Hodosh, Young and Hockenmaier, JAIR 2013) from the official files.

Flickr8k.token.txt             name.jpg#0<TAB>A child in a pink dress ...
Flickr_8k.trainImages.txt      one name.jpg per line, 6,000 images
Flickr_8k.devImages.txt        1,000 images
Flickr_8k.testImages.txt       1,000 images; without this file there is no test split
Flicker8k_Dataset/             the pictures (the official spelling of the folder)
"""

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.flickr8k.options import OPTIONS
from data_prep.raw_files import read_split_lists, read_token_file, require_files

TOKEN_FILE = "Flickr8k.token.txt"
IMAGE_FOLDER = "Flicker8k_Dataset"
LIST_FILES = {
    "train": "Flickr_8k.trainImages.txt",
    "validation": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
_OPTIONAL_SPLIT = "test"


class Builder(AnnotationBuilder):
    """Images with five captions; images and captions that cannot be used are skipped and noted."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The official splits."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing files; the test list is optional."""
        lists = (name for split, name in LIST_FILES.items() if split != _OPTIONAL_SPLIT)
        require_files(raw_dir, (TOKEN_FILE, IMAGE_FOLDER, *lists))

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        captions = read_token_file(folder / TOKEN_FILE)
        files = dict(LIST_FILES)
        for split, file_name in LIST_FILES.items():
            if not (folder / file_name).exists():
                self.note("split left out, its list is missing", file_name)
                del files[split]
        lists = read_split_lists(folder, files)
        listed = {name for names in lists.values() for name in names}
        for name in captions:
            if not name.endswith(".jpg"):
                self.note("broken name in the token file", name)
            elif name not in listed:
                self.note("image in no split", name)
        return {
            split: self._raw_examples(folder, names, captions) for split, names in lists.items()
        }

    def _raw_examples(
        self, folder: epath.Path, names: list[str], captions: dict[str, tuple[str, ...]]
    ) -> Iterator[RawExample]:
        for name in names:
            if name not in captions:
                self.note("image without captions", name)
                continue
            yield RawExample(
                image_id=name.removesuffix(".jpg"),
                path=folder / IMAGE_FOLDER / name,
                file_name=name,
                captions=captions[name],
            )
