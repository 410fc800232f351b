"""IAPR TC-12 (Grubinger, Clough, Mueller and Deselaers 2006) from the official archive.

annotations_complete_eng/01/1000.eng   the annotation of images/01/1000.jpg
annotations/01/1000.eng                the same; one of the two folders is enough
images/01/1000.jpg                     20,000 pictures
iaprtc12_train_list.txt, iaprtc12_test_list.txt   one 01/1000 per line, for the variant `lists`
"""

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.iapr_tc12.annotation_texts import read_annotation_text
from data_prep.iapr_tc12.options import OPTIONS
from data_prep.raw_files import read_split_lists, require_files
from data_prep.seeded_draw import drawn_order

IMAGE_FOLDER = "images"
ANNOTATION_FOLDERS = ("annotations_complete_eng", "annotations")
LIST_FILES = {"train": "iaprtc12_train_list.txt", "test": "iaprtc12_test_list.txt"}
LISTS = "lists"
SEED = 0
_NUM_TRAIN, _NUM_TEST = 17_665, 1_962
# Our choice: part of the training images, because the papers name no validation images.
_NUM_VALIDATION = 1_000


def num_held_out(num_images: int) -> tuple[int, int]:
    """Returns the numbers of validation and test images, in proportion 1,000 and 1,962 to 19,627.

    Both are at least 1; there must be 3 images with a description.
    """
    published = _NUM_TRAIN + _NUM_TEST
    validation, test = (round(num_images * n / published) for n in (_NUM_VALIDATION, _NUM_TEST))
    return max(1, validation), max(1, test)


class Builder(AnnotationBuilder):
    """Images with one caption, the description, whose clauses are separated by semicolons.

    The splits are drawn with a fixed seed in m-RNN's proportions. With `config="lists"` they are
    the lists of earlier work, and the validation images are drawn from the training list.
    Annotations without a description, truncated ones and those of another picture, missing and
    damaged pictures, and images in no list are skipped and noted.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Drawn splits, and those of the lists."}
    VARIANTS = (tfds.core.BuilderConfig(name=LISTS, description="The splits of two lists."),)
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files
    PUBLISHED = "published: 20,000 images, 17,665 / 1,962 of them for training and test (m-RNN)"

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing files; one annotation folder is enough."""
        folders = [n for n in ANNOTATION_FOLDERS if raw_dir and (epath.Path(raw_dir) / n).is_dir()]
        lists = tuple(LIST_FILES.values()) if self.variant == LISTS else ()
        require_files(raw_dir, (*(folders or ANNOTATION_FOLDERS)[:1], IMAGE_FOLDER, *lists))

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        raw_examples = self._read_annotations(folder)
        if self.variant == LISTS:
            splits = self._listed_splits(folder, raw_examples)
        else:
            drawn = drawn_order(SEED, raw_examples)
            validation, test = num_held_out(len(drawn))
            splits = {
                "train": drawn[validation + test :],
                "validation": drawn[test : validation + test],
                "test": drawn[:test],
            }
        return {split: [raw_examples[name] for name in names] for split, names in splits.items()}

    def _read_annotations(self, folder: epath.Path) -> dict[str, RawExample]:
        """Returns image name, such as `01/1000`, -> its annotation, for all that can be used."""
        raw_examples: dict[str, RawExample] = {}
        for path in _annotation_files(folder):
            name = f"{path.parent.name}/{path.name.removesuffix('.eng')}"
            if name in raw_examples:
                self.note("annotation in both folders, the complete one read", name)
                continue
            text = read_annotation_text(path)
            if text.problem is not None:
                self.note(f"annotation {text.problem}", name)
            elif text.image not in (None, f"{IMAGE_FOLDER}/{name}.jpg"):
                self.note("annotation of another picture", f"{name}: {text.image}")
            else:
                file_name = f"{name}.jpg"
                raw_examples[name] = RawExample(
                    image_id=path.name.removesuffix(".eng"),
                    path=folder / IMAGE_FOLDER / file_name,
                    file_name=file_name,
                    captions=(text.caption,),
                )
        return raw_examples

    def _listed_splits(
        self, folder: epath.Path, raw_examples: dict[str, RawExample]
    ) -> dict[str, list[str]]:
        listed = read_split_lists(folder, LIST_FILES)
        in_a_list = dict.fromkeys((*listed["train"], *listed["test"]))
        for name in in_a_list:
            if name not in raw_examples:
                self.note("listed image without a usable annotation", name)
        for name in raw_examples:
            if name not in in_a_list:
                self.note("image in no list", name)
        usable = {
            split: [name for name in names if name in raw_examples]
            for split, names in listed.items()
        }
        drawn = drawn_order(SEED, usable["train"])
        validation = max(1, round(len(drawn) * _NUM_VALIDATION / _NUM_TRAIN))
        return {
            "train": drawn[validation:],
            "validation": drawn[:validation],
            "test": usable["test"],
        }


def _annotation_files(folder: epath.Path) -> Iterator[epath.Path]:
    for annotations in ANNOTATION_FOLDERS:
        yield from sorted((folder / annotations).glob("*/*.eng"))
