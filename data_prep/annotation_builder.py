"""The base of all builders: annotated files in, records out, what was left out counted."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.images import read_images
from semreg_tf.data.records import annotation_features, example

# Ours: what is longer is no caption but a text that went astray.
MAX_CAPTION_WORDS = 200


@dataclass(frozen=True)
class RawExample:
    """One image as the raw files describe it; `path` is where its picture should be."""

    image_id: str
    path: str | PathLike[str]
    file_name: str
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class AnnotationBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder of `annotation_features` whose subclass only reads the raw annotations.

    A subclass gives `VERSION`, `MANUAL_DOWNLOAD_INSTRUCTIONS` and `_split_generators`, which
    maps split names to `self._generate_examples(split, raw_examples)`. What it cannot use it
    names with `self.note(reason, name)`. The notes and `parameters` are stored with the shards.

    `VARIANTS` are as TFDS's `BUILDER_CONFIGS`, except that the data set's main form has no name:
    `coco_captions` finds it, `coco_captions/karpathy` a variant.
    """

    VARIANTS: ClassVar[tuple[tfds.core.BuilderConfig, ...]] = ()

    @classmethod
    def get_builder_config(cls, name: str, version: Any = None) -> tfds.core.BuilderConfig | None:
        """Returns the variant of that name, or None where there is none."""
        return next((variant for variant in cls.VARIANTS if variant.name == name), None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Sets the path that TFDS would seek with a package it does not itself require."""
        super().__init_subclass__(**kwargs)
        cls.code_path = epath.Path(inspect.getfile(cls))

    def __init__(self, *, shorter_side: int | None = None, **kwargs: Any) -> None:
        """Makes the builder.

        Args:
          shorter_side: shrink larger pictures to that many pixels at their shorter side.
          **kwargs: what every TFDS builder takes, `data_dir` above all.

        Raises:
          ValueError: `shorter_side` is too small for any encoder.
        """
        if shorter_side is not None and shorter_side < 16:
            raise ValueError(
                f"`shorter_side` must be at least 16. Received: shorter_side={shorter_side}"
            )
        self.shorter_side = shorter_side
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes the records; shards made with other values are refused."""
        return {"shorter_side": self.shorter_side}

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError where `raw_dir` cannot be read; nothing to check by default."""

    def label_names(self) -> tuple[str, ...]:
        """The labels that exist though no image may bear them; none by default."""
        return ()

    def note(self, reason: str, name: str) -> None:
        """Remembers that `name` was left out, or changed, and why."""
        self.info.metadata["notes"].setdefault(reason, []).append(name)

    def _generate_examples(
        self, split: str, raw_examples: Iterable[RawExample]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads the pictures and yields keys and records; what has no picture is skipped.

        So are empty captions, captions of more than `MAX_CAPTION_WORDS` words, and images of
        which they leave no caption; all are noted.

        Raises:
          ValueError: an image is there twice, or no image of the split can be used.
        """
        image_ids: set[str] = set()
        items = ((raw, raw.path) for raw in raw_examples)
        for raw, image in read_images(items, self.shorter_side):
            if image.jpeg is None:
                self.note(f"image {image.problem}", raw.file_name)
                continue
            if image.converted:
                self.note("image converted (no RGB or grey JPEG)", raw.file_name)
            captions = self._usable_captions(raw)
            if raw.captions and not captions and not raw.labels:
                self.note("image without a usable caption", raw.file_name)
                continue
            if raw.image_id in image_ids:
                raise ValueError(
                    "`raw_dir` must hold every image once. Received: "
                    f"{raw.image_id!r} again, as {raw.file_name!r}"
                )
            image_ids.add(raw.image_id)
            yield (
                raw.image_id,
                example(
                    image=image.jpeg,
                    image_id=raw.image_id,
                    file_name=raw.file_name,
                    captions=captions,
                    labels=raw.labels,
                    user_tags=raw.user_tags,
                    groups=raw.groups,
                ),
            )
        if not image_ids:
            raise ValueError(
                f"`raw_dir` must hold pictures of every split: none of {split!r} is there and "
                f"whole. Received: split={split!r}, 0 images"
            )

    def _usable_captions(self, raw: RawExample) -> list[str]:
        captions = []
        for caption in raw.captions:
            num_words = len(caption.split())
            if not num_words:
                self.note("caption empty", raw.file_name)
            elif num_words > MAX_CAPTION_WORDS:
                self.note(f"caption of more than {MAX_CAPTION_WORDS} words", raw.file_name)
            else:
                captions.append(caption)
        return captions

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=annotation_features(),
            supervised_keys=None,
            metadata=tfds.core.MetadataDict(
                parameters=self.parameters, label_names=list(self.label_names()), notes={}
            ),
        )
