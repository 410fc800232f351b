"""The base class of all builders: converts raw examples to records, and counts problems."""

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep import beam_records
from data_prep.images import read_images
from data_prep.raw_examples import RawExample, make_record
from semreg_tf.data.records import annotation_features
from semreg_tf.data.stored_orientation import UPRIGHT_KEY
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer, check_tokenizer


class AnnotationBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder of `annotation_features` whose subclasses read the raw annotations.

    A subclass defines `VERSION`, `MANUAL_DOWNLOAD_INSTRUCTIONS` and `read_splits`. It reports
    unusable images by `self.note(reason, name)`. The notes and `parameters` are stored with the
    shards. `PUBLISHED` has the published counts of the data set, if there are any.
    `beam_folder`, if set, is a folder for files of Beam's workers, which all of them can access.

    `VARIANTS` are like TFDS's `BUILDER_CONFIGS`, but the main variant has no name: it is found as
    `coco_captions`, others as `coco_captions/karpathy`.
    """

    VARIANTS: ClassVar[tuple[tfds.core.BuilderConfig, ...]] = ()
    PUBLISHED: ClassVar[str] = ""

    @classmethod
    def get_builder_config(cls, name: str, version: Any = None) -> tfds.core.BuilderConfig | None:
        """Returns the variant of that name, or None if there is none."""
        return next((variant for variant in cls.VARIANTS if variant.name == name), None)

    def _log_download_bytes(self) -> None:
        """TFDS would say here that it downloads, which no builder does."""

    def _log_download_done(self) -> None:
        """TFDS would say here that it has downloaded."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Sets the code path, for which TFDS would need a package that it does not require."""
        super().__init_subclass__(**kwargs)
        cls.code_path = epath.Path(inspect.getfile(cls))

    def __init__(
        self,
        *,
        shorter_side: int | None = None,
        tokenizer: Tokenizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Creates the builder.

        Args:
          shorter_side: larger images are resized to that many pixels at their shorter side.
          tokenizer: one of `semreg_tf.data.text.TOKENIZERS`; None: that of existing shards, or
            "ptb".
          **kwargs: arguments of TFDS's builders, such as `data_dir`.

        Raises:
          ValueError: `shorter_side` is too small for any encoder, or the tokenizer is unknown.
        """
        if tokenizer is not None:
            check_tokenizer(tokenizer)
        self.chosen_tokenizer = tokenizer
        if shorter_side is not None and shorter_side < 16:
            raise ValueError(
                f"`shorter_side` must be at least 16. Received: shorter_side={shorter_side}"
            )
        self.shorter_side = shorter_side
        self.beam_folder: epath.Path | None = None
        self._split_numbers = itertools.count()
        super().__init__(**kwargs)

    @property
    def variant(self) -> str | None:
        """The name of the variant; None: the main one."""
        return self.builder_config.name if self.builder_config else None

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that affect records; shards with other values are refused."""
        return {"shorter_side": self.shorter_side, "tokenizer": self.tokenizer}

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of new shards."""
        return self.chosen_tokenizer or DEFAULT_TOKENIZER

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError if `raw_dir` cannot be read; there is no check by default."""

    def check_unchanged(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError if the prepared data is not of `raw_dir`; no check by default."""

    @classmethod
    def arguments(cls, raw_dir: str | None, options: dict[str, Any]) -> dict[str, Any]:
        """Returns the builder's arguments for the options of its `options.py`.

        Args:
          raw_dir: the folder of the raw files.
          options: the options' values by name.
        """
        return options

    def describe_published(self) -> str:
        """Returns the published counts of the data set, which are printed below its counts."""
        return self.PUBLISHED

    def note(self, reason: str, name: str) -> None:
        """Records the reason for which `name` was left out or changed."""
        self.info.metadata["notes"].setdefault(reason, []).append(name)

    def read_splits(self, folder: epath.Path) -> Mapping[str, Iterable[RawExample]]:
        """Returns the raw examples of each split, in the order of the records.

        The labels of the data set, including unused ones, go into the metadata `label_names`.
        """
        raise TypeError(f"{type(self).__name__} must define `read_splits` or `_split_generators`")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        splits = self.read_splits(dl_manager.manual_dir)
        return {split: self._generate_examples(split, raws) for split, raws in splits.items()}

    def _generate_examples(self, split: str, raw_examples: Iterable[RawExample]) -> Any:
        """Returns keys and records of a split, or with `beam_folder` a Beam transform to them.

        Unusable images are skipped and noted, see `make_record`.
        """
        if self.beam_folder is None:
            return self._generate_here(split, raw_examples)
        number = next(self._split_numbers)
        paths = beam_records.write_raw_examples(self.beam_folder, split, number, raw_examples)
        if not paths:
            raise _empty_split(split)
        return beam_records.beam_records(
            self.beam_folder, split, paths, self.shorter_side, self.tokenizer
        )

    def _generate_here(
        self, split: str, raw_examples: Iterable[RawExample]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads images with all cores of this machine and yields keys and records.

        Raises:
          ValueError: an image occurs twice, or no image of the split can be used.
        """
        image_ids: set[str] = set()
        items = ((raw, raw.path) for raw in raw_examples)
        for raw, image in read_images(items, self.shorter_side):
            result = make_record(raw, image, self.tokenizer)
            for reason in result.notes:
                self.note(reason, raw.file_name)
            if result.record is None:
                continue
            if raw.image_id in image_ids:
                raise ValueError(
                    "`raw_dir` must hold every image once. Received: "
                    f"{raw.image_id!r} again, as {raw.file_name!r}"
                )
            image_ids.add(raw.image_id)
            yield raw.image_id, result.record
        if not image_ids:
            raise _empty_split(split)

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        """Collects the notes of Beam's workers; TFDS calls this when they are done."""
        super()._process_pipeline_result(pipeline_result)
        for reason, name in beam_records.read_notes(self.beam_folder):
            self.note(reason, name)

    def _info(self) -> tfds.core.DatasetInfo:
        info = self.dataset_info_from_configs(
            features=annotation_features(),
            supervised_keys=None,
            metadata=tfds.core.MetadataDict(
                parameters=self.parameters,
                label_names=[],
                notes={},
                **{UPRIGHT_KEY: True},
            ),
        )
        # TFDS would search a bucket, which has none of these data sets, and leave an empty
        # temporary folder each time.
        info.initialize_from_bucket = lambda: None
        return info


def _empty_split(split: str) -> ValueError:
    return ValueError(
        f"`raw_dir` must hold pictures of every split: none of {split!r} is there and whole. "
        f"Received: split={split!r}, 0 images"
    )
