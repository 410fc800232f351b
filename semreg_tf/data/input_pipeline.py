"""tf.data batches of the contract, a pure function of (seed, step), so that a run resumes exactly.

Every position of the input is known from the step alone: epochs are permuted by (seed, epoch),
augmentation by (seed, position of the example). Nothing is to be saved but the step.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch, image_ops
from semreg_tf.data.annotation_tensors import AnnotationTensors
from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.image_batches import image_batches
from semreg_tf.data.index_plan import check_share, index_plan
from semreg_tf.data.record_reader import RecordReader
from semreg_tf.data.records import stored_tokenizer
from semreg_tf.data.split_parts import slice_of
from semreg_tf.data.stored_orientation import warn_of_sideways
from semreg_tf.data.tag_neighbours import Neighbours, TagSets
from semreg_tf.data.targets import (
    EncodedAnnotations,
    encode_annotations,
    labels_of_captions,
)
from semreg_tf.data.text import EARLIEST_TOKENIZER, Tokenizer
from semreg_tf.data.vocabulary import Vocabularies

# Batches made at the same time, each on its own thread.
PARALLEL_BATCHES = max(2, os.cpu_count() or 2)


@dataclass(frozen=True)
class Split:
    """One split of a prepared data set, its annotations as ids.

    Attributes:
      name: the split's name.
      annotations: as they are on disk, one an image, in record order.
      encoded: the same as ids.
      vocabularies: whose ids.
      shards: paths of the record files, in order.
      shard_lengths: images in each.
      first_record: the record of the first annotation; above 0 in a part such as "train[100:]".
      tokenizer: how captions became tokens, one of `semreg_tf.data.text.TOKENIZERS`.
    """

    name: str
    annotations: list[Annotation]
    encoded: EncodedAnnotations
    vocabularies: Vocabularies
    shards: tuple[str, ...]
    shard_lengths: tuple[int, ...]
    first_record: int = 0
    tokenizer: Tokenizer = EARLIEST_TOKENIZER

    def record_reader(self) -> RecordReader:
        """Opens the records; row 0 is the first annotation's, and each must be its image's."""
        image_ids = [annotation.image_id for annotation in self.annotations]
        return RecordReader(
            self.shards, self.shard_lengths, self.first_record, image_ids, self.name
        )

    def tag_sets(self) -> TagSets:
        """The user tags of its images, for the search of neighbours."""
        ids, splits = self.encoded.user_tags, self.encoded.user_tag_splits
        return TagSets(self.encoded.image_ids, ids, splits, len(self.vocabularies.user_tags))

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.annotations)

    @property
    def annotated_rows(self) -> np.ndarray:
        """Rows of the images that train: those with a caption; of tags all, for none has to be."""
        return np.flatnonzero(np.diff(self.encoded.sequence_splits))

    @property
    def num_sequences(self) -> int:
        """Number of captions, or of label sequences."""
        return len(self.encoded.token_splits) - 1


def load_split(
    builder: tfds.core.DatasetBuilder,
    name: str,
    vocabularies: Vocabularies,
    data_config: DataConfig,
    for_training: bool = False,
) -> Split:
    """Reads the annotations of a split, or of a part of one; of images a few headers at most.

    Args:
      builder: of the prepared data set.
      name: a split, or in TFDS's slicing a part of it: "train[:5000]", "train[90%:]".
      vocabularies: whose ids the annotations become.
      data_config: how they become ids.
      for_training: whether captions are cut at `data.max_caption_tokens`.

    Raises:
      ValueError: the split is unknown, its slice cannot be read, or nothing is in it.
    """
    whole, first, last = slice_of(builder, name)
    annotations = read_annotations(builder.data_dir, whole)[first:last]
    if not annotations:
        raise ValueError(f"`split` must hold images: it is empty. Received: split={name!r}")
    if data_config.labels_from == "captions":
        annotations = labels_of_captions(annotations, vocabularies)
    info = builder.info.splits[whole]
    warn_of_sideways(builder.info, whole)
    return Split(
        name,
        annotations,
        encode_annotations(annotations, vocabularies, data_config, for_training),
        vocabularies,
        tuple(str(path) for path in info.filepaths),
        tuple(info.shard_lengths),
        first,
        stored_tokenizer(builder),
    )


@dataclass(frozen=True)
class Inputs:
    """What a stage or an evaluation reads from a split, and how.

    Attributes:
      split: the split.
      keys: keys of the contract; no others are made.
      image: augmentation and size.
      image_size: side of the encoder's input in pixels.
      preprocessing: a mode of `image_ops.normalise`.
      features: cached features, (images, views, d), of crops (images, 1, crops, d), where
        `features` is among the keys.
      spatial_features: cached maps, (images, views, cells, d), where `spatial_features` is.
      neighbours: of every image, where `neighbour_features` is.
      captions_per_image: captions sampled of an image; None: all.
      rows: of the images that train; None: of those that are annotated. Given, an example is an
        image even where nothing of the picture is read: another pipeline of the same seed and rows
        reads it.
    """

    split: Split
    keys: tuple[str, ...]
    image: ImageConfig = ImageConfig()
    image_size: int = 96
    preprocessing: str = "inception"
    features: np.ndarray | None = None
    captions_per_image: int | None = None
    spatial_features: np.ndarray | None = None
    neighbours: Neighbours | None = None
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        unknown = [k for k in self.keys if k not in batch.ALL_KEYS]
        if unknown:
            raise ValueError(
                f"`keys` must be among {', '.join(batch.ALL_KEYS)}. Received: keys={unknown}"
            )
        crops = ", crops" if np.ndim(self.features) == 4 else ""
        self._check_cached(batch.FEATURES, self.features, f"(images, views{crops}, d)")
        self._check_cached(
            batch.SPATIAL_FEATURES, self.spatial_features, "(images, views, cells, d)"
        )
        for key in (batch.USER_TAGS, batch.GROUPS):
            if key in self.keys and getattr(self.split.encoded, key) is None:
                raise ValueError(
                    f"`keys` may hold '{key}' only where the vocabularies have "
                    f"{key.replace('_', ' ')}. Received: keys={self.keys}"
                )
        found = 0 if self.neighbours is None else len(self.neighbours.rows)
        if batch.NEIGHBOUR_FEATURES in self.keys and found != self.split.num_images:
            raise ValueError(
                f"`neighbours` must be those of the split's {self.split.num_images} images where "
                f"'neighbour_features' is a key. Received: neighbours of {found} images"
            )

    def _check_cached(self, key: str, array: np.ndarray | None, shape: str) -> None:
        if array is None:
            if key in self.keys:
                raise ValueError(f"`{key}` must be given where it is a key. Received: {key}=None")
        elif array.ndim != shape.count(",") + 1 or len(array) != self.split.num_images:
            raise ValueError(
                f"`{key}` must be {shape} of the split's {self.split.num_images} images. "
                f"Received: {array.shape}"
            )

    @property
    def cached(self) -> dict[str, np.ndarray]:
        """What is read of a frozen encoder's outputs on disk, by key."""
        arrays = {batch.FEATURES: self.features, batch.SPATIAL_FEATURES: self.spatial_features}
        return {key: array for key, array in arrays.items() if key in self.keys}

    @property
    def pairs(self) -> bool:
        """True for the relational stage: flat pairs, no image and no features."""
        visual = batch.IMAGE in self.keys or batch.FEATURES in self.keys
        return batch.INPUT_IDS in self.keys and not visual and self.rows is None

    @property
    def training_rows(self) -> np.ndarray:
        """Rows of the images that train."""
        return self.split.annotated_rows if self.rows is None else self.rows


def num_examples(inputs: Inputs) -> int:
    """Returns how many examples an epoch has: pairs, or images that train."""
    return inputs.split.num_sequences if inputs.pairs else len(inputs.training_rows)


def training_batches(
    inputs: Inputs,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_workers: int = 1,
    worker: int = 0,
) -> tf.data.Dataset:
    """Returns endless shuffled batches from `start_step` on.

    Args:
      inputs: what is read.
      batch_size: the global batch; a split that is smaller is one batch.
      seed: with the step, decides everything.
      start_step: batches already consumed.
      num_workers: workers that share a batch.
      worker: which of them this is; it gets every `num_workers`-th example of the batch, drawn and
        augmented as a single worker would.

    Returns:
      A dataset of dicts by the contract's names.

    Raises:
      ValueError: the batch does not divide among the workers, there is no such worker, or the
        split has fewer examples than workers.
    """
    check_share(num_examples(inputs), batch_size, num_workers, worker)
    tensors = AnnotationTensors(inputs.split.encoded, inputs.split.vocabularies)
    lengths = np.diff(inputs.split.encoded.token_splits) if inputs.pairs else None
    signature = (tf.TensorSpec((), tf.int64), tf.TensorSpec((None,), tf.int64))
    rows = None if inputs.pairs else inputs.training_rows
    plan = tf.data.Dataset.from_generator(
        lambda: index_plan(num_examples(inputs), batch_size, seed, start_step, lengths, rows),
        output_signature=signature,
    )
    owner = tf.constant(
        np.repeat(np.arange(inputs.split.num_images), np.diff(inputs.split.encoded.sequence_splits))
    )

    def draw(
        step: tf.Tensor, whole: tf.Tensor, columns: int, **bounds: int | tf.DType | None
    ) -> tf.Tensor:
        # For the whole batch, so that an example's draws are the same on any worker.
        shape, step_seed = (tf.shape(whole)[0], columns), tf.cast(tf.stack([seed, step]), tf.int32)
        return tf.random.stateless_uniform(shape, step_seed, **bounds)[worker::num_workers]

    def gather(step: tf.Tensor, whole: tf.Tensor) -> dict[str, tf.Tensor]:
        indices = whole[worker::num_workers]
        if inputs.pairs:
            return tensors.pairs(tf.gather(owner, indices), indices, inputs.keys)
        sample = inputs.captions_per_image
        order = None if sample is None else draw(step, whole, tensors.most_captions)
        made = tensors.images(indices, inputs.keys, sample, order)
        if inputs.cached:
            (views,) = {array.shape[1] for array in inputs.cached.values()}
            view = draw(step, whole, 1, minval=0, maxval=views, dtype=tf.int64)[:, 0]
            made |= {k: _cached_rows(array, indices, view) for k, array in inputs.cached.items()}
        return made | _neighbours(inputs, indices)

    def rows_and_seeds(step: tf.Tensor, whole: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = draw(step, whole, 2, minval=None, maxval=None, dtype=tf.int32)
        return whole[worker::num_workers], seeds

    images = None
    if batch.IMAGE in inputs.keys:
        own = len(range(worker, min(batch_size, num_examples(inputs)), num_workers))
        reader, seeded = inputs.split.record_reader(), plan.map(rows_and_seeds)
        images = image_batches(reader, seeded, _augmented(inputs), own)
    return _assembled(plan, gather, images, prefetch=4)


def evaluation_batches(
    inputs: Inputs, batch_size: int, rows: np.ndarray | None = None
) -> tf.data.Dataset:
    """Returns every image of the split once, in order; the last batch may be smaller.

    Args:
      inputs: what is read.
      batch_size: images a batch.
      rows: these images of the split alone, in this order; None: all.

    Returns:
      A dataset of dicts by the contract's names; images are centre-cropped, cached features are
      the centre view.
    """
    tensors = AnnotationTensors(inputs.split.encoded, inputs.split.vocabularies)

    def gather(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        made = tensors.images(indices, inputs.keys)
        centre = tf.zeros_like(indices)
        made |= {k: _cached_rows(x, indices, centre) for k, x in inputs.cached.items()}
        return made | _neighbours(inputs, indices)

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return image_ops.decode_for_evaluation(
            encoded, inputs.image_size, inputs.image.resize_ratio, inputs.preprocessing
        )

    chosen = np.arange(inputs.split.num_images) if rows is None else np.asarray(rows, np.int64)
    places = tf.data.Dataset.from_tensor_slices(chosen).batch(batch_size)
    images = None
    if batch.IMAGE in inputs.keys:
        reader = inputs.split.record_reader()
        images = image_batches(reader, places, decode, batch_size)
    return _assembled(places, gather, images, prefetch=2)


def _augmented(inputs: Inputs) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def decode(encoded: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return image_ops.decode_for_training(
            encoded, inputs.image_size, inputs.preprocessing, inputs.image, seed
        )

    return decode


def _assembled(
    places: tf.data.Dataset,
    gather: Callable[..., dict[str, tf.Tensor]],
    images: tf.data.Dataset | None,
    prefetch: int,
) -> tf.data.Dataset:
    """Returns the batches that `gather` makes of places in the split, images added."""

    def add(place: tf.Tensor | tuple[tf.Tensor, ...], image: tf.Tensor) -> dict[str, tf.Tensor]:
        made = gather(*place) if isinstance(place, tuple) else gather(place)
        return {**made, batch.IMAGE: image}

    if images is None:
        made = places.map(gather, PARALLEL_BATCHES, deterministic=True)
    else:
        zipped = tf.data.Dataset.zip(places, images)
        made = zipped.map(add, PARALLEL_BATCHES, deterministic=True)
    options = tf.data.Options()
    # Every parallelism is given, and the tuner's timer can hold up the end of a short pass.
    options.autotune.enabled = False
    return made.prefetch(prefetch).with_options(options)


def _neighbours(inputs: Inputs, rows: tf.Tensor) -> dict[str, tf.Tensor]:
    wanted = batch.NEIGHBOUR_FEATURES in inputs.keys
    return inputs.neighbours.tensors(rows) if wanted else {}


def _cached_rows(cached: np.ndarray, rows: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
    """Reads a view of each of the rows of an array that may be mapped from disk."""

    def read(rows: np.ndarray, view: np.ndarray) -> np.ndarray:
        return np.asarray(cached[rows, view], np.float32)

    values = tf.numpy_function(read, (rows, view), tf.float32, stateful=False)
    values.set_shape((None, *cached.shape[2:]))
    return values
