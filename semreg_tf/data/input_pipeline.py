"""tf.data batches of the contract, a pure function of (seed, step), so that a run resumes exactly.

Every position of the input is known from the step alone: epochs are permuted by (seed, epoch),
augmentation by (seed, position of the example). Nothing is to be saved but the step.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch, image_ops
from semreg_tf.data.annotation_tensors import AnnotationTensors
from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.record_reader import RecordReader
from semreg_tf.data.targets import (
    EncodedAnnotations,
    encode_annotations,
    labels_of_captions,
)
from semreg_tf.data.vocabulary import Vocabularies

# Batches made at the same time, each on its own thread.
PARALLEL_BATCHES = max(2, os.cpu_count() or 2)
# Batches sorted by length together, so that little of a batch is padding.
BATCHES_PER_BUCKETING = 64


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
    """

    name: str
    annotations: list[Annotation]
    encoded: EncodedAnnotations
    vocabularies: Vocabularies
    shards: tuple[str, ...]
    shard_lengths: tuple[int, ...]
    first_record: int = 0

    def record_reader(self) -> RecordReader:
        """Opens the records; row 0 is the first annotation's."""
        return RecordReader(self.shards, self.shard_lengths, self.first_record)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.annotations)

    @property
    def num_sequences(self) -> int:
        """Number of captions, or of label sequences."""
        return len(self.encoded.token_splits) - 1


def load_split(
    builder: tfds.core.DatasetBuilder,
    name: str,
    vocabularies: Vocabularies,
    data_config: DataConfig,
) -> Split:
    """Reads the annotations of a split, or of a part of one; no image is touched.

    Args:
      builder: of the prepared data set.
      name: a split, or in TFDS's slicing a part of it: "train[:5000]", "train[90%:]".
      vocabularies: whose ids the annotations become.
      data_config: how they become ids.

    Raises:
      ValueError: the split is unknown, its slice cannot be read, or nothing is in it.
    """
    whole, first, last = _slice(builder, name)
    annotations = read_annotations(builder.data_dir, whole)[first:last]
    if not annotations:
        raise ValueError(f"`split` must hold images: it is empty. Received: split={name!r}")
    if data_config.labels_from == "captions":
        annotations = labels_of_captions(annotations, vocabularies)
    info = builder.info.splits[whole]
    return Split(
        name,
        annotations,
        encode_annotations(annotations, vocabularies, data_config),
        vocabularies,
        tuple(str(path) for path in info.filepaths),
        tuple(info.shard_lengths),
        first,
    )


def _slice(builder: tfds.core.DatasetBuilder, name: str) -> tuple[str, int, int | None]:
    """Returns the split that a name speaks of, its first record and the one after its last."""
    if "[" not in name:
        return name, 0, None
    known = builder.info.splits
    try:
        (part,) = tfds.core.ReadInstruction.from_spec(name).to_absolute(known)
    except (ValueError, AssertionError, AttributeError) as error:
        raise ValueError(
            f"`split` must be one of {', '.join(sorted(known))}, or a part of one such as "
            f"'train[:90%]'. Received: split={name!r}"
        ) from error
    return part.splitname, part.from_ or 0, part.to


@dataclass(frozen=True)
class Inputs:
    """What a stage or an evaluation reads from a split, and how.

    Attributes:
      split: the split.
      keys: keys of the contract; no others are made.
      image: augmentation and size.
      image_size: side of the encoder's input in pixels.
      preprocessing: a mode of `image_ops.normalise`.
      features: cached features, (images, views, d), where `features` is among the keys.
      captions_per_image: captions sampled of an image; None: all.
    """

    split: Split
    keys: tuple[str, ...]
    image: ImageConfig = ImageConfig()
    image_size: int = 96
    preprocessing: str = "inception"
    features: np.ndarray | None = None
    captions_per_image: int | None = None

    def __post_init__(self) -> None:
        unknown = [k for k in self.keys if k not in batch.ALL_KEYS]
        if unknown:
            raise ValueError(
                f"`keys` must be among {', '.join(batch.ALL_KEYS)}. Received: keys={unknown}"
            )
        if batch.FEATURES in self.keys and self.features is None:
            raise ValueError("`features` must be given where it is a key. Received: features=None")
        if self.features is not None and (
            self.features.ndim != 3 or len(self.features) != self.split.num_images
        ):
            raise ValueError(
                f"`features` must be (images, views, d) of the split's {self.split.num_images} "
                f"images. Received: {self.features.shape}"
            )
        if batch.USER_TAGS in self.keys and self.split.encoded.user_tags is None:
            raise ValueError(
                "`keys` may hold 'user_tags' only where the vocabularies have user tags. "
                f"Received: keys={self.keys}"
            )

    @property
    def pairs(self) -> bool:
        """True for the relational stage: flat pairs, no image and no features."""
        visual = batch.IMAGE in self.keys or batch.FEATURES in self.keys
        return batch.INPUT_IDS in self.keys and not visual


def steps_per_epoch(inputs: Inputs, batch_size: int) -> int:
    """Returns the number of full batches in an epoch, at least 1."""
    examples = inputs.split.num_sequences if inputs.pairs else inputs.split.num_images
    return max(1, examples // batch_size)


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
      ValueError: the batch does not divide among the workers, or there is no such worker.
    """
    if batch_size % num_workers:
        raise ValueError(
            f"`batch_size` must be a multiple of the {num_workers} workers. "
            f"Received: batch_size={batch_size}"
        )
    if not 0 <= worker < num_workers:
        raise ValueError(
            f"`worker` must be among the {num_workers} workers, counted from 0. "
            f"Received: worker={worker}"
        )
    tensors = AnnotationTensors(inputs.split.encoded, inputs.split.vocabularies)
    reader = _reader(inputs)

    signature = (tf.TensorSpec((), tf.int64), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(
        lambda: _index_plan(inputs, batch_size, seed, start_step), output_signature=signature
    )
    owner = tf.constant(
        np.repeat(np.arange(inputs.split.num_images), np.diff(inputs.split.encoded.sequence_splits))
    )

    def gather(step: tf.Tensor, whole: tf.Tensor) -> dict[str, tf.Tensor]:
        indices = whole[worker::num_workers]
        if inputs.pairs:
            return tensors.pairs(tf.gather(owner, indices), indices, inputs.keys)
        step_seed = tf.cast(tf.stack([seed, step]), tf.int32)

        def draw(columns: int, **bounds: int | tf.DType | None) -> tf.Tensor:
            # For the whole batch, so that an example's draws are the same on any worker.
            shape = (tf.shape(whole)[0], columns)
            return tf.random.stateless_uniform(shape, step_seed, **bounds)[worker::num_workers]

        sample = inputs.captions_per_image
        order = None if sample is None else draw(tensors.most_captions)
        made = tensors.images(indices, inputs.keys, sample, order)
        if batch.FEATURES in inputs.keys:
            views = inputs.features.shape[1]
            view = draw(1, minval=0, maxval=views, dtype=tf.int64)[:, 0]
            made[batch.FEATURES] = _features(inputs.features, indices, view)
        if reader is not None:
            seeds = draw(2, minval=None, maxval=None, dtype=tf.int32)
            made[batch.IMAGE] = _training_images(inputs, reader, indices, seeds)
        return made

    return dataset.map(gather, PARALLEL_BATCHES, deterministic=True).prefetch(4)


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
    reader = _reader(inputs)

    def gather(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        made = tensors.images(indices, inputs.keys)
        if batch.FEATURES in inputs.keys:
            made[batch.FEATURES] = _features(inputs.features, indices, tf.zeros_like(indices))
        if reader is not None:
            made[batch.IMAGE] = _evaluation_images(inputs, reader, indices)
        return made

    chosen = np.arange(inputs.split.num_images) if rows is None else np.asarray(rows, np.int64)
    batches = tf.data.Dataset.from_tensor_slices(chosen).batch(batch_size)
    return batches.map(gather, PARALLEL_BATCHES, deterministic=True).prefetch(2)


def _reader(inputs: Inputs) -> RecordReader | None:
    if batch.IMAGE not in inputs.keys:
        return None
    return inputs.split.record_reader()


def _index_plan(
    inputs: Inputs, batch_size: int, seed: int, start_step: int
) -> Iterator[tuple[int, np.ndarray]]:
    per_epoch = steps_per_epoch(inputs, batch_size)
    step = start_step
    while True:
        epoch, first = divmod(step, per_epoch)
        generator = np.random.default_rng([seed, epoch])
        if inputs.pairs:
            lengths = np.diff(inputs.split.encoded.token_splits)
            batches = _bucketed(lengths, batch_size, per_epoch, generator)
        else:
            order = generator.permutation(inputs.split.num_images)
            batches = [order[i * batch_size : (i + 1) * batch_size] for i in range(per_epoch)]
        for indices in batches[first:]:
            yield step, indices
            step += 1


def _bucketed(
    lengths: np.ndarray, batch_size: int, num_batches: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Returns batches of like lengths: a permutation, sorted in chunks, the batches shuffled."""
    order = generator.permutation(len(lengths))[: num_batches * batch_size]
    chunk = batch_size * BATCHES_PER_BUCKETING
    batches = []
    for start in range(0, len(order), chunk):
        part = order[start : start + chunk]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def _read_images(
    inputs: Inputs, reader: RecordReader, rows: tf.Tensor, decode: Callable
) -> tf.Tensor:
    """Reads and decodes the images of `rows`; `decode` takes (bytes, place in the batch)."""
    records = tf.numpy_function(reader.read, (rows,), tf.string, stateful=False)
    records.set_shape((None,))
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    encoded = tf.io.parse_example(records, feature)["image"]
    side = inputs.image_size
    return tf.map_fn(
        decode,
        (encoded, tf.range(tf.shape(encoded)[0])),
        fn_output_signature=tf.TensorSpec((side, side, 3), tf.float32),
        parallel_iterations=4,
    )


def _training_images(
    inputs: Inputs, reader: RecordReader, rows: tf.Tensor, seeds: tf.Tensor
) -> tf.Tensor:
    def decode(element: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        encoded, place = element
        return image_ops.decode_for_training(
            encoded,
            inputs.image_size,
            inputs.image.resize_ratio,
            inputs.preprocessing,
            random_crop=inputs.image.random_crop,
            random_flip=inputs.image.random_flip,
            color_jitter=inputs.image.color_jitter,
            seed=seeds[place],
        )

    return _read_images(inputs, reader, rows, decode)


def _evaluation_images(inputs: Inputs, reader: RecordReader, rows: tf.Tensor) -> tf.Tensor:
    def decode(element: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        return image_ops.decode_for_evaluation(
            element[0], inputs.image_size, inputs.image.resize_ratio, inputs.preprocessing
        )

    return _read_images(inputs, reader, rows, decode)


def _features(features: np.ndarray, rows: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
    """Reads a view of each of the rows of an array that may be mapped from disk."""

    def read(rows: np.ndarray, view: np.ndarray) -> np.ndarray:
        return np.asarray(features[rows, view], np.float32)

    values = tf.numpy_function(read, (rows, view), tf.float32, stateful=False)
    values.set_shape((None, features.shape[2]))
    return values
