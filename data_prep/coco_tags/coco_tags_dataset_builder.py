"""COCO's 80 object classes as labels (Lin et al. 2014), from the official archives.

annotations/instances_train2014.json  82,783 images, 82,081 of them with objects
annotations/instances_val2014.json    40,504 images, 40,137 of them with objects
train2014/, val2014/                  the pictures

The variants `2017` and `coco128` read the same of 2017, `coco128` train2017 alone.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath
from pycocotools.coco import COCO

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.coco_files import check_distinct_images, read_coco, unlisted_images
from data_prep.coco_tags.options import OPTIONS
from data_prep.coco_tags.user_tags_file import PhotoTags, read_user_tags
from data_prep.raw_files import require_files

PARTS = {
    None: {"train": "train2014", "validation": "val2014"},
    "2017": {"train": "train2017", "validation": "val2017"},
    "coco128": {"train": "train2017"},
}
PUBLISHED = (
    "published for 2014: 82,783 / 40,504 images, 702 / 367 of them without objects; with user "
    "tags, 2.93 an image of the 1,000 most frequent (Sec. 4.2)"
)


class Builder(AnnotationBuilder):
    """Images with the classes of their objects, crowds included, by category id.

    Images without objects are left out unless `keep_without_objects`, because the paper's recall of
    an image divides by the number of its labels (Sec. 4.2). They are noted in any case. Missing and
    damaged pictures, and annotations of images that are not listed, are skipped and noted.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The official splits."}
    VARIANTS = (
        tfds.core.BuilderConfig(name="2017", description="The splits of 2017."),
        tfds.core.BuilderConfig(name="coco128", description="The first 128 of train2017."),
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files

    def __init__(
        self,
        *,
        keep_without_objects: bool = False,
        user_tags_file: str | PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Creates the builder.

        Args:
          keep_without_objects: whether images without objects become records.
          user_tags_file: the file that `fetch_flickr_tags` wrote, for side information (Sec. 4.1).
            All tags are stored; the config sets how many are read.
          **kwargs: as for `AnnotationBuilder`.

        Raises:
          ValueError: the user tags cannot be read.
        """
        self.keep_without_objects = keep_without_objects
        self._user_tags: dict[str, PhotoTags] | None = None
        self._user_tags_digest: str | None = None
        if user_tags_file is not None:
            self._user_tags = read_user_tags(user_tags_file)
            self._user_tags_digest = hashlib.sha256(Path(user_tags_file).read_bytes()).hexdigest()
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """The base's parameters and these options, with the digest of the user tags' file."""
        return {
            **super().parameters,
            "keep_without_objects": self.keep_without_objects,
            "user_tags_file": self._user_tags_digest,
        }

    @property
    def _parts(self) -> dict[str, str]:
        return PARTS[self.variant]

    def describe_published(self) -> str:
        """Returns the counts of the annotation files, and for 2014 the published ones."""
        counts = describe_raw_counts(self.info.metadata.get("raw_counts", {}))
        return f"{counts}\n{PUBLISHED}" if self.variant is None else counts

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError that names missing files."""
        names = [f"annotations/instances_{part}.json" for part in self._parts.values()]
        require_files(raw_dir, (*names, *self._parts.values()))

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        files = {
            part: read_coco(folder / "annotations" / f"instances_{part}.json", {"category_id": int})
            for part in self._parts.values()
        }
        check_distinct_images((f"instances_{part}.json", coco) for part, coco in files.items())
        self.info.metadata["label_names"] = _label_names(files)
        self.info.metadata["raw_counts"] = {
            f"instances_{part}.json": {
                "images": len(coco.imgs),
                "objects": len(coco.dataset["annotations"]),
                "images without objects": sum(not coco.imgToAnns.get(i) for i in coco.imgs),
            }
            for part, coco in files.items()
        }
        for part, coco in files.items():
            for name in unlisted_images(coco):
                self.note("annotation of an image not listed", f"instances_{part}.json: {name}")
        return {
            split: self._raw_examples(folder / part, files[part])
            for split, part in self._parts.items()
        }

    def _raw_examples(self, folder: epath.Path, coco: COCO) -> Iterator[RawExample]:
        for image in coco.dataset["images"]:
            category_ids = {
                annotation["category_id"] for annotation in coco.imgToAnns.get(image["id"], ())
            }
            if not category_ids and not self.keep_without_objects:
                self.note("image without objects, left out", image["file_name"])
                continue
            if not category_ids:
                self.note("image without objects, kept", image["file_name"])
            yield RawExample(
                image_id=str(image["id"]),
                path=folder / image["file_name"],
                file_name=image["file_name"],
                labels=tuple(category["name"] for category in coco.loadCats(sorted(category_ids))),
                user_tags=self._tags_of(image),
            )

    def _tags_of(self, image: dict[str, Any]) -> tuple[str, ...]:
        if self._user_tags is None:
            return ()
        entry = self._user_tags.get(str(image["id"]))
        if entry is None:
            self.note("no user tags, image not in their file", image["file_name"])
            return ()
        if entry.problem is not None:
            self.note(f"no user tags, {entry.problem}", image["file_name"])
        return entry.tags


def describe_raw_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Returns a line for each annotation file: images, objects, images without objects."""
    return "\n".join(
        f"in {name}: " + ", ".join(f"{number:,} {kind}" for kind, number in file_counts.items())
        for name, file_counts in counts.items()
    )


def _label_names(files: dict[str, COCO]) -> list[str]:
    """Returns the classes by category id, which must agree in all files."""
    categories = {
        part: {i: coco.cats[i]["name"] for i in sorted(coco.cats)} for part, coco in files.items()
    }
    first, *others = categories
    names = list(categories[first].values())
    for part in others:
        if categories[part] != categories[first]:
            raise ValueError(
                "`raw_dir` must hold annotation files with the same categories. "
                f"Received: others in instances_{first}.json and instances_{part}.json"
            )
    if len(set(names)) != len(names):
        raise ValueError(
            "`raw_dir` must hold annotation files whose categories have distinct names. "
            f"Received: instances_{first}.json, {max(names, key=names.count)!r} twice"
        )
    return names
