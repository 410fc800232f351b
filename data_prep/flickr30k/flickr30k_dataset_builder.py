"""Flickr30k (Young, Lai, Hodosh and Hockenmaier, TACL 2014) from the official files.

results_20130124.token     name.jpg#0<TAB>Two young guys ...: 31,783 images
flickr30k-images/          the pictures
dataset_flickr30k.json     Karpathy's splits, for the variant `karpathy`
train.txt, val.txt, test.txt   one name per line, with or without .jpg, for the variant `lists`
"""

from collections.abc import Iterable
from os import PathLike
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.flickr30k.options import OPTIONS
from data_prep.karpathy_splits import read_karpathy_splits
from data_prep.raw_files import read_split_lists, read_token_file, require_files

TOKEN_FILE = "results_20130124.token"
IMAGE_FOLDER = "flickr30k-images"
KARPATHY_FILE = "dataset_flickr30k.json"
LIST_FILES = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
NUM_HELD_OUT = 1_000


def last_split(number: int, num_images: int) -> str:
    """Returns the split of an image by its index in the token file, from 0.

    The last 1,000 images are test images, the 1,000 before them validation images. The sizes are
    m-RNN's, which draws its splits at random; the choice of images is ours, because the data set
    was published without splits.

    Raises:
      ValueError: no images would be left for training.
    """
    if num_images <= 2 * NUM_HELD_OUT:
        raise ValueError(
            f"`raw_dir` must hold a token file of more than {2 * NUM_HELD_OUT:,} images for the "
            "splits in file order: choose other splits. "
            f"Received: {num_images} images in {TOKEN_FILE}"
        )
    if number < num_images - 2 * NUM_HELD_OUT:
        return "train"
    return "validation" if number < num_images - NUM_HELD_OUT else "test"


class Builder(AnnotationBuilder):
    """Images with five captions; images and captions that cannot be used are skipped and noted.

    The splits follow the order of the file (`last_split`), with `config="karpathy"` they are
    Karpathy's, and with `config="lists"` those of three lists of names, such as those of Flickr30k
    Entities.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Splits in file order, Karpathy's, lists."}
    VARIANTS = (
        tfds.core.BuilderConfig(name="karpathy", description="Karpathy's splits."),
        tfds.core.BuilderConfig(name="lists", description="The splits of three lists of names."),
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files
    PUBLISHED = (
        "published: 31,783 images, 158,915 captions; 29,783 / 1,000 / 1,000 images (m-RNN, lists), "
        "29,000 / 1,014 / 1,000 (karpathy)"
    )

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing files."""
        lists = {"karpathy": (KARPATHY_FILE,), "lists": tuple(LIST_FILES.values())}
        require_files(raw_dir, (TOKEN_FILE, IMAGE_FOLDER, *lists.get(self.variant, ())))

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        captions = read_token_file(folder / TOKEN_FILE)
        split_names = self._split_names(folder, list(captions))
        splits: dict[str, list[RawExample]] = {split: [] for split in LIST_FILES}
        for name, texts in captions.items():
            split = split_names.pop(name, None)
            if split is None:
                self.note("image in no split", name)
                continue
            image_id, path = name.removesuffix(".jpg"), folder / IMAGE_FOLDER / name
            splits[split].append(RawExample(image_id, path, name, texts))
        for name in split_names:
            self.note("image without captions", name)
        return splits

    def _split_names(self, folder: epath.Path, names: list[str]) -> dict[str, str]:
        """Returns file name -> split."""
        if self.variant == "karpathy":
            return read_karpathy_splits(folder / KARPATHY_FILE)
        if self.variant is None:
            return {name: last_split(number, len(names)) for number, name in enumerate(names)}
        lists = read_split_lists(folder, LIST_FILES, suffix=".jpg")
        return {name: split for split, listed in lists.items() for name in listed}
