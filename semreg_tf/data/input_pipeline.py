"""The input pipeline: tf.data batches with the keys of `semreg_tf.data.batch`.

Batches depend on seed and step only: epochs are permuted by (seed, epoch), and augmentation is
seeded by (seed, step, position in the batch). So a resumed run only needs to know the step.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch, image_ops
from semreg_tf.data.annotation_tensors import AnnotationTensors
from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.image_batches import image_batches
from semreg_tf.data.index_plan import IndexPlan, check_share
from semreg_tf.data.record_reader import RecordReader
from semreg_tf.data.records import stored_tokenizer
from semreg_tf.data.split_parts import slice_of
from semreg_tf.data.stored_orientation import warn_of_sideways
from semreg_tf.data.tag_neighbours import Neighbours, TagSets
from semreg_tf.data.targets import (
    EncodedAnnotations,
    encode_annotations,
    is_annotated,
    labels_of_captions,
)
from semreg_tf.data.text import EARLIEST_TOKENIZER, Tokenizer
from semreg_tf.data.vocabulary import Vocabularies

# Number of batches that are computed in parallel.
PARALLEL_BATCHES = max(2, os.cpu_count() or 2)


@dataclass(frozen=True)
class Split:
    """One split of a prepared data set, with annotations as ids.

    Attributes:
      name: the split's name.
      annotations: the annotations on disk, one per image, in record order.
      encoded: the annotations as ids.
      vocabularies: the vocabularies of the ids.
      shards: paths of the record files, in order.
      shard_lengths: number of images in each shard.
      first_record: the record of the first annotation; above 0 in a part such as "train[100:]".
      tokenizer: the tokenizer of the captions, one of `semreg_tf.data.text.TOKENIZERS`.
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
        """Opens the records; row i must be the record of the image of annotation i."""
        image_ids = [annotation.image_id for annotation in self.annotations]
        return RecordReader(
            self.shards, self.shard_lengths, self.first_record, image_ids, self.name
        )

    def pictures(self, rows: Iterable[int]) -> Iterator[bytes]:
        """Yields the stored picture files of rows.

        Raises:
          DamagedRecordError: a record is damaged or of another image.
        """
        reader, feature = self.record_reader(), {"image": tf.io.FixedLenFeature((), tf.string)}
        for row in rows:
            (record,) = reader.read(np.array([row]))
            yield tf.io.parse_single_example(record, feature)["image"].numpy()

    def tag_sets(self) -> TagSets:
        """Returns the user tags of the images, for the search of neighbours."""
        ids, splits = self.encoded.user_tags, self.encoded.user_tag_splits
        return TagSets(self.encoded.image_ids, ids, splits, len(self.vocabularies.user_tags))

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.annotations)

    @property
    def annotated_rows(self) -> np.ndarray:
        """Rows of the images that train and are scored: with a caption, or with known labels."""
        return self.encoded.annotated_rows

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
    """Loads a split, or a part of one in TFDS's syntax ("train[90%:]"), without reading its images.

    If `for_training`, captions are cut at `data.max_caption_tokens`.

    Raises:
      ValueError: the split is unknown or empty, or its slice cannot be parsed.
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


def num_annotated(builder: tfds.core.DatasetBuilder, name: str, *data_configs: DataConfig) -> int:
    """Returns the number of a split's images that can be learnt from by every one of the configs.

    Raises:
      ValueError: as `load_split`.
    """
    whole, first, last = slice_of(builder, name)
    annotations = read_annotations(builder.data_dir, whole)[first:last]
    return sum(all(is_annotated(a, data) for data in data_configs) for a in annotations)


@dataclass(frozen=True)
class Inputs:
    """The inputs that a stage or an evaluation reads from a split.

    Attributes:
      split: the split.
      keys: keys of `semreg_tf.data.batch`, which a batch has.
      image: resizing and augmentation.
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
        count = 0 if self.neighbours is None else len(self.neighbours.rows)
        if batch.NEIGHBOUR_FEATURES in self.keys and count != self.split.num_images:
            raise ValueError(
                f"`neighbours` must be those of the split's {self.split.num_images} images where "
                f"'neighbour_features' is a key. Received: neighbours of {count} images"
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
        """The cached outputs of a frozen encoder that are read, by key."""
        arrays = {batch.FEATURES: self.features, batch.SPATIAL_FEATURES: self.spatial_features}
        return {key: array for key, array in arrays.items() if key in self.keys}

    @property
    def pairs(self) -> bool:
        """Whether batches hold (image, sequence) pairs without images: the relational stage."""
        visual = batch.IMAGE in self.keys or batch.FEATURES in self.keys
        return batch.INPUT_IDS in self.keys and not visual and self.rows is None

    @property
    def training_rows(self) -> np.ndarray:
        """Rows of the images that are trained on."""
        return self.split.annotated_rows if self.rows is None else self.rows


def num_examples(inputs: Inputs) -> int:
    """Returns the number of examples in an epoch: pairs, or images that can be trained on."""
    return inputs.split.num_sequences if inputs.pairs else len(inputs.training_rows)


def training_batches(
    inputs: Inputs,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_workers: int = 1,
    worker: int = 0,
) -> tf.data.Dataset:
    """Returns an infinite dataset of shuffled batches.

    Args:
      inputs: the inputs.
      batch_size: global batch size; a smaller split is one batch.
      seed: determines order, sampling and augmentation.
      start_step: number of batches already consumed.
      num_workers: number of workers that share a batch.
      worker: index of this worker. It gets every `num_workers`-th example of the batch, with the
        same sampling and augmentation as on a single worker.

    Returns:
      A dataset of dicts with the keys of `inputs`.

    Raises:
      ValueError: `batch_size` is not a multiple of `num_workers`, `worker` is out of range, or the
        split has fewer examples than workers.
    """
    check_share(num_examples(inputs), batch_size, num_workers, worker)
    tensors = AnnotationTensors(inputs.split.encoded, inputs.split.vocabularies)
    lengths = np.diff(inputs.split.encoded.token_splits) if inputs.pairs else None
    rows = None if inputs.pairs else inputs.training_rows
    steps = IndexPlan(num_examples(inputs), batch_size, seed, lengths, rows)

    def of_step(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Not `from_generator`, whose iterators call Python when they are destroyed, which fails
        # with a warning where the dataset is destroyed first.
        whole = tf.numpy_function(steps.batch, (step,), tf.int64, stateful=False)
        whole.set_shape((None,))
        return step, whole

    plan = tf.data.Dataset.counter(start_step).map(of_step)
    owner = tf.constant(
        np.repeat(np.arange(inputs.split.num_images), np.diff(inputs.split.encoded.sequence_splits))
    )

    def draw(
        step: tf.Tensor, whole: tf.Tensor, columns: int, **bounds: int | tf.DType | None
    ) -> tf.Tensor:
        # Drawn for the whole batch, so that an example's draws do not depend on the worker.
        shape, step_seed = (tf.shape(whole)[0], columns), tf.cast(tf.stack([seed, step]), tf.int32)
        return tf.random.stateless_uniform(shape, step_seed, **bounds)[worker::num_workers]

    def gather(step: tf.Tensor, whole: tf.Tensor) -> dict[str, tf.Tensor]:
        indices = whole[worker::num_workers]
        if inputs.pairs:
            return tensors.pairs(tf.gather(owner, indices), indices, inputs.keys)
        sample = inputs.captions_per_image
        order = None if sample is None else draw(step, whole, tensors.most_captions)
        values = tensors.images(indices, inputs.keys, sample, order)
        if inputs.cached:
            (views,) = {array.shape[1] for array in inputs.cached.values()}
            view = draw(step, whole, 1, minval=0, maxval=views, dtype=tf.int64)[:, 0]
            values |= {k: _cached_rows(array, indices, view) for k, array in inputs.cached.items()}
        return values | _neighbours(inputs, indices)

    def rows_and_seeds(step: tf.Tensor, whole: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = draw(step, whole, 2, minval=None, maxval=None, dtype=tf.int32)
        return whole[worker::num_workers], seeds

    images = None
    if batch.IMAGE in inputs.keys:
        worker_batch = len(range(worker, min(batch_size, num_examples(inputs)), num_workers))
        reader, seeded = inputs.split.record_reader(), plan.map(rows_and_seeds)
        images = image_batches(reader, seeded, _augmenting_decoder(inputs), worker_batch)
    return _assembled(plan, gather, images, prefetch=4)


def evaluation_batches(
    inputs: Inputs, batch_size: int, rows: np.ndarray | None = None
) -> tf.data.Dataset:
    """Returns a dataset of every image of the split once, in order; the last batch may be smaller.

    Args:
      inputs: the inputs.
      batch_size: images per batch.
      rows: the images of the split to read, in this order; None: all.

    Returns:
      A dataset of dicts with the keys of `inputs`; images are centre-cropped, cached features are
      the centre view, or with `image.test_views` 2 have an axis of the first two views.
    """
    tensors = AnnotationTensors(inputs.split.encoded, inputs.split.vocabularies)

    def gather(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tensors.images(indices, inputs.keys)
        chosen = indices, tf.zeros_like(indices)
        if inputs.image.test_views == 2:
            chosen = indices[:, None], tf.constant([[0, 1]], tf.int64)
        values |= {k: _cached_rows(x, *chosen) for k, x in inputs.cached.items()}
        return values | _neighbours(inputs, indices)

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return image_ops.decode_for_evaluation(
            encoded, inputs.image_size, inputs.image.resize_ratio, inputs.preprocessing
        )

    rows = np.arange(inputs.split.num_images) if rows is None else np.asarray(rows, np.int64)
    plan = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
    images = None
    if batch.IMAGE in inputs.keys:
        reader = inputs.split.record_reader()
        images = image_batches(reader, plan, decode, batch_size)
    return _assembled(plan, gather, images, prefetch=2)


def _augmenting_decoder(inputs: Inputs) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def decode(encoded: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return image_ops.decode_for_training(
            encoded, inputs.image_size, inputs.preprocessing, inputs.image, seed
        )

    return decode


def _assembled(
    plan: tf.data.Dataset,
    gather: Callable[..., dict[str, tf.Tensor]],
    images: tf.data.Dataset | None,
    prefetch: int,
) -> tf.data.Dataset:
    """Returns the batches that `gather` computes from the elements of `plan`, with images added."""

    def add(element: tf.Tensor | tuple[tf.Tensor, ...], image: tf.Tensor) -> dict[str, tf.Tensor]:
        values = gather(*element) if isinstance(element, tuple) else gather(element)
        return {**values, batch.IMAGE: image}

    if images is None:
        batches = plan.map(gather, PARALLEL_BATCHES, deterministic=True)
    else:
        zipped = tf.data.Dataset.zip(plan, images)
        batches = zipped.map(add, PARALLEL_BATCHES, deterministic=True)
    options = tf.data.Options()
    # All parallelism is fixed, and the autotuner's timer can delay the end of a short pass.
    options.autotune.enabled = False
    return batches.prefetch(prefetch).with_options(options)


def _neighbours(inputs: Inputs, rows: tf.Tensor) -> dict[str, tf.Tensor]:
    reads_neighbours = batch.NEIGHBOUR_FEATURES in inputs.keys
    return inputs.neighbours.tensors(rows) if reads_neighbours else {}


def _cached_rows(cached: np.ndarray, rows: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
    """Reads views of the rows from an array, which may be memory-mapped.

    Args:
      cached: (images, views, ...).
      rows: indices of images, (batch,), or (batch, 1) for several views of each.
      view: indices of views, (batch,), or (1, n) for n views of each.
    """

    def read(rows: np.ndarray, view: np.ndarray) -> np.ndarray:
        return np.asarray(cached[rows, view], np.float32)

    values = tf.numpy_function(read, (rows, view), tf.float32, stateful=False)
    values.set_shape((None, *view.shape[1:], *cached.shape[2:]))
    return values
