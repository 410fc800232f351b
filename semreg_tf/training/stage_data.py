"""The splits of a stage, and what its training and validation read of them."""

import dataclasses
import logging
from pathlib import Path

import tensorflow_datasets as tfds

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.extra_captions import ExtraCaptions, read_extra_captions
from semreg_tf.data.input_pipeline import Inputs, Split, load_split
from semreg_tf.data.targets import encode_annotations, labels_of_captions
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.label_task import label_config
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.features import model_inputs
from semreg_tf.training.phase import Phase
from semreg_tf.training.phases import Stage

logger = logging.getLogger(__name__)


class StageData:
    """Reads the training split and the validation split of a stage.

    Attributes:
      builder: the prepared data set.
      train: the training split.
      with_extra: the same with the captions that have no picture.
      validation: the images that validations read.
      label_train, label_validation: the images of `train` and `validation` with the labels that
        are listed beside captions; None where none are.

    Args:
      config: the experiment.
      stage: whose validations read so many images.
      builder: the prepared data set.
      vocabularies: the experiment's names.
      extra: captions without pictures, for the phases that the true concepts are fed to.
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
            told = self.train.encoded.num_cut, data.train_split, data.max_caption_tokens
            logger.info(
                "%d captions of %s are longer than %d tokens: training reads their beginnings "
                "(data.max_caption_tokens)",
                *told,
            )
        self.with_extra = self.train if extra is None else _with_extra(self.train, extra, config)
        validation = load_split(builder, data.validation_split, vocabularies, data)
        number = stage.section.validation_images
        self.validation = _head(validation, number, config)
        self.label_train = self.label_validation = None
        if config.labels is not None:
            of_labels, names = label_config(config), vocabularies.of_labels()
            splits = (data.train_split, data.validation_split)
            train, own = (load_split(builder, name, names, of_labels.data) for name in splits)
            self.label_train, self.label_validation = train, _head(own, number, of_labels)

    def training_inputs(self, annotator: Annotator, phase: Phase) -> Inputs:
        """Returns what a phase reads of the training split."""
        views, captions = self._config.image.cached_views, phase.captions_per_image
        split = self.with_extra if phase.loss.reads == "true_concepts" else self.train
        return self.inputs(annotator, split, phase.keys, views, captions)

    def label_inputs(self, phase: Phase) -> Inputs | None:
        """Returns what a phase reads of the labels beside captions, for the same images."""
        if self.label_train is None:
            return None
        keys = tuple(key for key in phase.keys if key in batch.LABEL_KEYS)
        # Images train both tasks or none.
        rows = self.train.annotated_rows if phase.sees_images else None
        return Inputs(self.label_train, keys, rows=rows)

    def inputs(
        self,
        annotator: Annotator,
        split: Split,
        keys: tuple[str, ...],
        views: int = 1,
        captions_per_image: int | None = None,
    ) -> Inputs:
        """Returns what is read of a split; a frozen encoder's features are computed once.

        Args:
          annotator: its encoder computes features that are not cached yet.
          split: `train` or `validation`.
          keys: of the contract.
          views: of each image, where features are read.
          captions_per_image: captions that training samples of an image; None: all.
        """
        inputs = model_inputs(
            annotator, split, keys, self._features_folder, lambda: self.train, views
        )
        return dataclasses.replace(inputs, captions_per_image=captions_per_image)


def extra_captions_of(
    config: Config, stage: Stage, builder: tfds.core.DatasetBuilder
) -> ExtraCaptions | None:
    """Returns the captions without pictures that a stage reads, or whose words it knows."""
    path = config.relational.extra_captions
    reads = stage.section is config.relational or config.relational.extra_words
    return read_extra_captions(path, builder) if path is not None and reads else None


def clamp_side_information(config: Config, vocabularies: Vocabularies) -> Config:
    """Returns the config with as many user tags and groups as the data set has, if fewer."""
    data = config.data
    for kind in ("user_tags", "groups"):
        there = len(getattr(vocabularies, kind) or ())
        if there != getattr(data, f"num_{kind}"):
            logger.info("%s: %d, all that the data set has", kind.replace("_", " "), there)
            data = dataclasses.replace(data, **{f"num_{kind}": there})
    return dataclasses.replace(config, data=data)


def _with_extra(split: Split, extra: ExtraCaptions, config: Config) -> Split:
    """Returns the split with more captions; those have no records to read images of."""
    more = list(extra.annotations)
    if config.data.labels_from == "captions":
        more = labels_of_captions(more, split.vocabularies)
    annotations = [*split.annotations, *more]
    encoded = encode_annotations(annotations, split.vocabularies, config.data, for_training=True)
    return dataclasses.replace(split, annotations=annotations, encoded=encoded)


def _head(split: Split, num_images: int | None, config: Config) -> Split:
    """Returns the split's first images alone, for quicker validations."""
    if num_images is None or num_images >= split.num_images:
        return split
    annotations = split.annotations[:num_images]
    encoded = encode_annotations(annotations, split.vocabularies, config.data)
    name = f"{split.name}[:{num_images}]"
    return dataclasses.replace(split, name=name, annotations=annotations, encoded=encoded)
