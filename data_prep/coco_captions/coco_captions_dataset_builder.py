"""COCO captions of 2014 (Chen et al. 2015) from the official archives.

annotations/captions_train2014.json   82,783 images
annotations/captions_val2014.json     40,504 images
train2014/, val2014/                  the pictures
dataset_coco.json                     Karpathy's splits, for the variant of that name alone
"""

from collections.abc import Iterable
from os import PathLike
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath
from pycocotools.coco import COCO

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.coco_captions.options import OPTIONS
from data_prep.coco_files import check_distinct_images, read_coco, unlisted_images
from data_prep.karpathy_splits import read_karpathy_splits
from data_prep.raw_files import require_files

PARTS = ("train2014", "val2014")
KARPATHY = "karpathy"
KARPATHY_FILE = "dataset_coco.json"
_FEWEST_CAPTIONS, _MOST_CAPTIONS = 5, 7


def im2txt_split(number: int, num_images: int) -> str:
    """Returns the split of an image of val2014 by its index in captions_val2014.json, from 0.

    As in im2txt, the first 85 % are training images, the next 5 % validation, the last 10 % test
    images: 34,428, 2,025 and 4,051 of 40,504.
    """
    if number < num_images * 85 // 100:
        return "train"
    return "validation" if number < num_images * 90 // 100 else "test"


class Builder(AnnotationBuilder):
    """Images with five to seven captions, in the order of their file.

    The splits are im2txt's, or with `config="karpathy"` Karpathy's. Missing and damaged pictures
    (COCO_train2014_000000167126.jpg is damaged in some copies), empty and too long captions, images
    without captions and annotations of images that are not listed are skipped and noted. Images
    with fewer than 5 or more than 7 captions are kept and noted.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The splits of im2txt and Karpathy."}
    VARIANTS = (tfds.core.BuilderConfig(name=KARPATHY, description="Karpathy's splits."),)
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files
    PUBLISHED = (
        "published: 117,211 / 2,025 / 4,051 images (im2txt), 113,287 / 5,000 / 5,000 (karpathy); "
        "the 1,000 most frequent words cover 92 % of occurrences (Sec. 5.1)"
    )

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing files."""
        names = (*(f"annotations/captions_{part}.json" for part in PARTS), *PARTS)
        require_files(raw_dir, (*names, KARPATHY_FILE) if self.variant == KARPATHY else names)

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        files = {
            part: read_coco(folder / "annotations" / f"captions_{part}.json", {"caption": str})
            for part in PARTS
        }
        check_distinct_images((f"captions_{part}.json", coco) for part, coco in files.items())
        split_names = self._split_names(folder, files)
        splits: dict[str, list[RawExample]] = {"train": [], "validation": [], "test": []}
        for part, coco in files.items():
            for name in unlisted_images(coco):
                self.note("annotation of an image not listed", f"captions_{part}.json: {name}")
            for image in coco.dataset["images"]:
                raw = self._raw_example(folder / part, image, coco.imgToAnns.get(image["id"], ()))
                split = split_names.pop(raw.file_name, None)
                if split is None:
                    self.note("image in no split", raw.file_name)
                elif raw.captions:
                    splits[split].append(raw)
        for name in split_names:
            self.note("image of the split file without annotations", name)
        return splits

    def _split_names(self, folder: epath.Path, files: dict[str, COCO]) -> dict[str, str]:
        if self.variant == KARPATHY:
            return read_karpathy_splits(folder / KARPATHY_FILE)
        train, val = ([i["file_name"] for i in c.dataset["images"]] for c in files.values())
        bounded = {name: im2txt_split(number, len(val)) for number, name in enumerate(val)}
        return dict.fromkeys(train, "train") | bounded

    def _raw_example(
        self, folder: epath.Path, image: dict[str, Any], annotations: list[dict[str, Any]]
    ) -> RawExample:
        name = image["file_name"]
        captions = tuple(annotation["caption"] for annotation in annotations)
        if not captions:
            self.note("image without captions", name)
        elif not _FEWEST_CAPTIONS <= len(captions) <= _MOST_CAPTIONS:
            self.note("image kept though its captions are not 5 to 7", name)
        return RawExample(str(image["id"]), folder / name, name, captions)
