"""Corel-5k, ESP Game and IAPR TC-12 as labelled pictures, common sets of image annotation.

Corel-5k (Duygulu et al., ECCV 2002), ESP Game (von Ahn and Dabbish, CHI 2004) and IAPR TC-12
(Grubinger et al. 2006) with the labels and splits that papers have shared since TagProp.
`annotation_lists.py` describes the files. The pictures are under `images/`, with or without
sub-folders; the lists name them with or without a file name suffix.
"""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import PurePosixPath
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.image_annotation.annotation_lists import RawSet, read_raw_set
from data_prep.image_annotation.options import OPTIONS
from data_prep.image_annotation.published import describe_raw_counts
from data_prep.raw_files import require_files
from data_prep.seeded_draw import drawn_order

IMAGE_FOLDER = "images"


class Builder(AnnotationBuilder):
    """Images with labels of a fixed vocabulary; validation images are drawn from the training part.

    The few images without labels are left out and noted, because the paper's recall of an image
    divides by the number of its labels (Sec. 4.2).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The splits shared since TagProp."}
    VARIANTS = (
        tfds.core.BuilderConfig(name="corel5k", description="Corel-5k, 260 labels."),
        tfds.core.BuilderConfig(name="esp_game", description="ESP Game, 268 labels."),
        tfds.core.BuilderConfig(name="iapr_tc12", description="IAPR TC-12, 291 labels."),
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files

    def __init__(self, *, validation_images: int = 500, seed: int = 0, **kwargs: Any) -> None:
        """Creates the builder.

        Args:
          validation_images: number of training images that become the validation split.
          seed: random seed; the split depends only on it and the images' names.
          **kwargs: as for `AnnotationBuilder`; `config` is the data set.

        Raises:
          ValueError: `validation_images` is less than 1.
        """
        if validation_images < 1:
            raise ValueError(
                "`validation_images` must be at least 1. "
                f"Received: validation_images={validation_images}"
            )
        self.validation_images, self.seed = validation_images, seed
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """The base's parameters and those of the validation split."""
        return {
            **super().parameters,
            "validation_images": self.validation_images,
            "seed": self.seed,
        }

    def describe_published(self) -> str:
        """Returns the counts of the annotation files beside the published ones."""
        counts = self.info.metadata.get("raw_counts", {})
        return describe_raw_counts(self.variant, counts)

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing or contradictory files."""
        require_files(raw_dir, (IMAGE_FOLDER,))
        self._splits(read_raw_set(epath.Path(raw_dir)))

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        raw_set = read_raw_set(folder)
        self.info.metadata["label_names"] = list(raw_set.label_names)
        self.info.metadata["raw_counts"] = count_raw_set(raw_set)
        for part, missing in raw_set.left_out.items():
            self.note(f"split {part!r} left out, its annotations are missing", missing)
        pictures = folder / IMAGE_FOLDER
        paths = _find_pictures(pictures)
        return {
            split: self._raw_examples(images, pictures, paths)
            for split, images in self._splits(raw_set).items()
        }

    def _splits(self, raw_set: RawSet) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        train = raw_set.parts.get("train", [])
        if len(train) <= self.validation_images:
            raise ValueError(
                "`validation_images` must be fewer than the training images. Received: "
                f"validation_images={self.validation_images}, {len(train):,} training images"
            )
        # Names are compared without suffix, so that both forms of the lists give the same splits.
        order = drawn_order(self.seed, (_without_suffix(name) for name, _ in train))
        drawn = set(order[: self.validation_images])
        return {
            "train": [image for image in train if _without_suffix(image[0]) not in drawn],
            "validation": [image for image in train if _without_suffix(image[0]) in drawn],
            **{part: images for part, images in raw_set.parts.items() if part != "train"},
        }

    def _raw_examples(
        self,
        images: list[tuple[str, tuple[str, ...]]],
        pictures: epath.Path,
        paths: dict[str, epath.Path],
    ) -> Iterator[RawExample]:
        for name, labels in images:
            if not labels:
                self.note("image without labels, left out", name)
                continue
            key = _without_suffix(name)
            yield RawExample(
                image_id=key,
                path=paths.get(key) or paths.get(PurePosixPath(key).name) or pictures / name,
                file_name=name,
                labels=labels,
            )


def count_raw_set(raw_set: RawSet) -> dict[str, float]:
    """Returns the counts of the annotation files under the names of `published.PUBLISHED`."""
    counts: dict[str, float] = {"labels": len(raw_set.label_names)}
    for part, images in raw_set.parts.items():
        counts[f"{part} images"] = len(images)
        counts[f"{part} labels/image"] = sum(len(labels) for _, labels in images) / len(images)
    return counts


def _without_suffix(name: str) -> str:
    """Returns a listed name without the picture's suffix, which some lists leave out."""
    path = PurePosixPath(name.lstrip("/"))
    return str(path.with_suffix("")) if path.suffix[1:].isalpha() else str(path)


def _find_pictures(folder: epath.Path) -> dict[str, epath.Path]:
    """Returns the pictures by path relative to `folder`, and by file name, both without suffix.

    File names that occur in several folders are left out.
    """
    by_path: dict[str, epath.Path] = {}
    by_name: dict[str, epath.Path | None] = {}
    for path in _files_below(folder):
        if path.suffix[1:].isalpha():
            by_path[str(path.relative_to(folder).with_suffix(""))] = path
            by_name[path.stem] = None if path.stem in by_name else path
    return {name: path for name, path in by_name.items() if path} | by_path


def _files_below(folder: epath.Path) -> Iterator[epath.Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path
