"""The splits of a stage, and the inputs of its training and validation."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from semreg_tf.config import Config
from semreg_tf.config_io import to_dict
from semreg_tf.data import batch
from semreg_tf.data.extra_captions import ExtraCaptions, read_extra_captions
from semreg_tf.data.input_pipeline import Inputs, Split, load_split, num_annotated
from semreg_tf.data.targets import encode_annotations, labels_of_captions
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.label_task import label_config
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.features import model_inputs
from semreg_tf.training.phase import Phase
from semreg_tf.training.phases import Stage

logger = logging.getLogger(__name__)


class StageData:
    """The training split and the validation split of a stage.

    Phases that read the true concepts also train on additional captions without images, `extra`.

    Attributes:
      builder: the builder of the prepared data set.
      train: the training split.
      with_extra: the training split with additional captions without images.
      validation: the images of validations.
      label_train: the images of `train` with labels, for captioners that predict labels too, or
        None.
      label_validation: the same for `validation`.
    """

    def __init__(
        self,
        config: Config,
        stage: Stage,
        builder: tfds.core.DatasetBuilder,
        vocabularies: Vocabularies,
        extra: ExtraCaptions | None = None,
    ) -> None:
        self._config, self.builder = config, builder
        self._features_folder = Path(str(builder.data_dir)) / "features"
        data = config.data
        self.train = load_split(builder, data.train_split, vocabularies, data, for_training=True)
        if self.train.encoded.num_cut:
            logger.info(
                "%d captions of %s are longer than %d tokens: training reads their beginnings "
                "(data.max_caption_tokens)",
                *(self.train.encoded.num_cut, data.train_split, data.max_caption_tokens),
            )
        _warn_of_long_lists(self.train, config)
        self.with_extra = self.train if extra is None else _with_extra(self.train, extra, config)
        validation = load_split(builder, data.validation_split, vocabularies, data)
        number = stage.section.validation_images
        self.validation = _head(validation, number, config)
        self.label_train = self.label_validation = None
        if config.labels is not None:
            of_labels, names = label_config(config), vocabularies.of_labels()
            splits = (data.train_split, data.validation_split)
            train, validation = (
                load_split(builder, name, names, of_labels.data) for name in splits
            )
            _warn_of_long_lists(train, of_labels)
            self.label_train = train
            self.label_validation = _head(validation, number, of_labels)

    def validation_conditions(self, stage: Stage) -> dict[str, Any]:
        """Returns what validations depend on besides the weights, as JSON values."""
        conditions = {"validation_images": self.validation.num_images}
        if not stage.trains_decoder:
            return conditions
        config = to_dict(self._config)
        labels = config["labels"] and {"decoding": config["labels"]["decoding"]}
        return {**conditions, "decoding": config["decoding"], "labels": labels}

    def training_inputs(self, annotator: Annotator, phase: Phase) -> Inputs:
        """Returns a phase's inputs from the training split."""
        views, captions = self._config.image.cached_views, phase.captions_per_image
        split = self.with_extra if phase.loss.reads == "true_concepts" else self.train
        inputs = self.inputs(annotator, split, phase.keys, views, captions)
        return dataclasses.replace(inputs, rows=self._rows_of_both(phase))

    def label_inputs(self, phase: Phase) -> Inputs | None:
        """Returns a phase's label inputs for the same images, or None for a single task."""
        if self.label_train is None:
            return None
        keys = tuple(key for key in phase.keys if key in batch.LABEL_KEYS)
        return Inputs(self.label_train, keys, rows=self._rows_of_both(phase))

    def _rows_of_both(self, phase: Phase) -> np.ndarray | None:
        """Returns the rows of the images that train both tasks, or None for a single task."""
        if self.label_train is None or not phase.sees_images:
            return None
        return np.intersect1d(self.train.annotated_rows, self.label_train.annotated_rows)

    def inputs(
        self,
        annotator: Annotator,
        split: Split,
        keys: tuple[str, ...],
        views: int | None = None,
        captions_per_image: int | None = None,
    ) -> Inputs:
        """Returns inputs from a split, as `model_inputs`, with all or some captions of an image."""
        inputs = model_inputs(
            annotator, split, keys, self._features_folder, lambda: self.train, views
        )
        return dataclasses.replace(inputs, captions_per_image=captions_per_image)


def num_pictures(config: Config, builder: tfds.core.DatasetBuilder) -> int:
    """Returns the number of training images that are annotated for every task of the config.

    Raises:
      ValueError: there are none.
    """
    tasks = [config.data]
    if config.labels is not None:
        tasks.append(label_config(config).data)
    number = num_annotated(builder, config.data.train_split, *tasks)
    if not number:
        needed = " and ".join("labels" if data.task == "tags" else "captions" for data in tasks)
        raise ValueError(
            f"`data.train_split` must hold images with {needed} to learn. "
            f"Received: data.train_split={config.data.train_split!r}, where no image has them"
        )
    return number


def extra_captions_of(
    config: Config, stage: Stage, builder: tfds.core.DatasetBuilder
) -> ExtraCaptions | None:
    """Returns the additional captions if the stage or its vocabulary uses them, else None."""
    path = config.relational.extra_captions
    reads = stage.section is config.relational or config.relational.extra_words
    return read_extra_captions(path, builder) if path is not None and reads else None


def clamp_side_information(config: Config, vocabularies: Vocabularies) -> Config:
    """Returns the config with at most as many user tags and groups as the data set has."""
    data = config.data
    for kind in ("user_tags", "groups"):
        count = len(getattr(vocabularies, kind) or ())
        if count != getattr(data, f"num_{kind}"):
            logger.info("%s: %d, all that the data set has", kind.replace("_", " "), count)
            data = dataclasses.replace(data, **{f"num_{kind}": count})
    return dataclasses.replace(config, data=data)


def _warn_of_long_lists(split: Split, config: Config) -> None:
    """Warns of training pictures with more labels than the model will list."""
    if config.data.task != "tags" or config.decoder is None:
        return
    lengths, limit = np.diff(split.encoded.token_splits), config.decoding.max_steps
    longest = int(lengths.max(initial=0))
    if longest > limit:
        logger.warning(
            "%d pictures of %s have more labels than the %d that the model lists at most: set "
            "decoding.max_steps=%d to let it list all",
            *(np.count_nonzero(lengths > limit), split.name, limit, longest + 1),
        )


def _with_extra(split: Split, extra: ExtraCaptions, config: Config) -> Split:
    """Returns the split with additional captions, which have no records."""
    added = list(extra.annotations)
    if config.data.labels_from == "captions":
        added = labels_of_captions(added, split.vocabularies)
    annotations = [*split.annotations, *added]
    encoded = encode_annotations(annotations, split.vocabularies, config.data, for_training=True)
    return dataclasses.replace(split, annotations=annotations, encoded=encoded)


def _head(split: Split, num_images: int | None, config: Config) -> Split:
    """Returns the first images of a split, for faster validations."""
    if num_images is None or num_images >= split.num_images:
        return split
    annotations = split.annotations[:num_images]
    encoded = encode_annotations(annotations, split.vocabularies, config.data)
    name = f"{split.name}[:{num_images}]"
    return dataclasses.replace(split, name=name, annotations=annotations, encoded=encoded)
