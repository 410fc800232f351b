"""Times image input at 299 pixels beside tf.data as in TensorFlow's guides, PyTorch and decoding.

Ours are the pipelines of training and evaluation, from the shards to batches of 32; a separate row
has the time of reading records alone, with checks of checksums and image ids. The other ways read
files in memory. The limit is decoding by PIL of files in memory, with a process per core. The
pictures are those of a prepared data set, best stored with `--shorter_side=346`, or random ones of
461 x 346 pixels, whose spectrum and file size are like those of photos.

    python -m eval.benchmark --part=input
    python -m eval.benchmark --part=input --data_dir=data --dataset=coco_tags/coco128 --split=train
"""

import collections
import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from eval.bare_decode import BareDecode
from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.torch_peer import TorchPeer
from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch, colour_jitter
from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.input_pipeline import (
    Inputs,
    Split,
    evaluation_batches,
    load_split,
    training_batches,
)
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import find_builder
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

SIZE, RATIO, BATCH_SIZE = 299, 346 / 299, 32
NUM_DRAWN, NUM_TIMED = 64, 1024
BARE, RECORDS = "bare decode (PIL)", "records alone, checked"
ALL = "training, all augmentation"


def drawn_picture(rng: np.random.Generator) -> bytes:
    """Returns the bytes of a JPEG file of noise with a spectrum like that of photos."""
    height, width = 346, 461
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    amplitude = np.maximum(frequency, 1 / width) ** -1.4
    noise = rng.normal(size=(2, 3, *frequency.shape))
    planes = np.fft.irfft2((noise[0] + 1j * noise[1]) * amplitude, (height, width))
    light, *colours = (plane / plane.std() for plane in planes)
    channels = [light + 0.3 * colours[0], light, light + 0.3 * colours[1]]
    pixels = np.clip(128 + 55 * np.stack(channels, -1), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def drawn_split(folder: str, number: int = NUM_DRAWN) -> Split:
    """Returns a split of random pictures, written to one shard in `folder`."""
    rng, path = np.random.default_rng(0), str(Path(folder) / "drawn.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for i in range(number):
            values = {"image": drawn_picture(rng), "image_id": str(i).encode()}
            feature = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in values.items()
            }
            record = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(record.SerializeToString())
    labels = NameList(("a",), (number,))
    names = Vocabularies(Vocabulary(labels, "labels"), labels)
    annotations = [Annotation(str(i), "", labels=("a",)) for i in range(number)]
    encoded = encode_annotations(annotations, names, _config(annotations))
    return Split("drawn", annotations, encoded, names, (path,), (number,))


def prepared_split(data_dir: str, dataset: str, name: str) -> Split:
    """Returns a split of a prepared data set, with labels or captions."""
    builder = find_builder(data_dir, dataset)
    config = _config(read_annotations(builder.data_dir, name))
    return load_split(builder, name, Vocabularies.from_dataset(builder.data_dir, config), config)


def lengthened(split: Split, times: int) -> Split:
    """Returns a split with the pictures of a small one repeated, to be read in one pass.

    Repeated passes over a small split would mostly time the start of the pipeline.
    """
    annotations = split.annotations * times
    return dataclasses.replace(
        split,
        annotations=annotations,
        encoded=encode_annotations(annotations, split.vocabularies, _config(annotations)),
        shards=split.shards * times,
        shard_lengths=split.shard_lengths * times,
    )


def _config(annotations: Sequence[Annotation]) -> DataConfig:
    captions = any(a.captions for a in annotations)
    return DataConfig(task="captions" if captions else "tags", min_word_count=1)


def _drain(dataset: tf.data.Dataset) -> Callable[[int], None]:
    """Returns a function that reads all batches."""

    def call(_: int) -> None:
        collections.deque(dataset, maxlen=0)

    return call


def plain_batches(files: Sequence[bytes], number: int, augmented: bool) -> tf.data.Dataset:
    """Returns a pipeline as in TensorFlow's guides: decode, resize, crop, tf.image, prefetch.

    It reads `number` pictures, with repetition, and if `augmented` applies random crops, flips and
    colour jitter.

    Returns:
      Batches (batch, height, width, 3), float32.
    """
    resized = round(SIZE * RATIO)

    def read(encoded: tf.Tensor) -> tf.Tensor:
        picture = tf.io.decode_jpeg(encoded, channels=3)
        picture = tf.image.resize(picture, (resized, resized)) / 255.0
        if not augmented:
            picture = tf.image.resize_with_crop_or_pad(picture, SIZE, SIZE)
        else:
            picture = tf.image.random_crop(picture, (SIZE, SIZE, 3))
            picture = tf.image.random_flip_left_right(picture)
            picture = tf.image.random_brightness(picture, colour_jitter.MAX_BRIGHTNESS)
            picture = tf.image.random_saturation(picture, *colour_jitter.FACTORS)
            picture = tf.image.random_hue(picture, colour_jitter.MAX_HUE)
            picture = tf.image.random_contrast(picture, *colour_jitter.FACTORS)
            picture = tf.clip_by_value(picture, 0.0, 1.0)
        return 2.0 * picture - 1.0

    dataset = tf.data.Dataset.from_tensor_slices(list(files)).repeat().take(number)
    dataset = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def our_batches(split: Split) -> dict[str, tf.data.Dataset]:
    """Returns name -> pipeline, for evaluation and for training with each augmentation."""

    def inputs(**augmentation: bool) -> Inputs:
        chosen = {"random_crop": False, "random_flip": False, "color_jitter": False, **augmentation}
        image = ImageConfig(resize_ratio=RATIO, **chosen)
        return Inputs(split, (batch.IMAGE,), image, SIZE, "inception")

    def training(**augmentation: bool) -> tf.data.Dataset:
        size = min(BATCH_SIZE, split.num_images)
        return training_batches(inputs(**augmentation), size, seed=0).take(split.num_images // size)

    return {
        "evaluation": evaluation_batches(inputs(), BATCH_SIZE),
        "training, all augmentation": training(
            random_crop=True, random_flip=True, color_jitter=True
        ),
        "training, no augmentation": training(),
        "training, random crop": training(random_crop=True),
        "training, mirrored": training(random_flip=True),
        "training, colour jitter": training(color_jitter=True),
    }


def input_contests(
    split: Split, num_timed: int, peer: TorchPeer | None = None
) -> Iterator[Contest]:
    """Yields the contests of evaluation, training, and our pipelines in parts.

    Small splits are repeated up to `num_timed` pictures per round. PyTorch is timed in the first
    two contests if `peer` is not None.
    """
    passes = -(-num_timed // split.num_images)
    number, files = passes * split.num_images, list(split.pictures(range(split.num_images)))
    longer = lengthened(split, passes)
    ours, reader = our_batches(longer), longer.record_reader()
    if peer is not None:
        bounds = np.cumsum([0, *map(len, files)])
        content = np.frombuffer(b"".join(files), np.uint8)
        sizes = {"size": SIZE, "resized": round(SIZE * RATIO)}
        peer.prepare("input", content=content, bounds=bounds, **sizes)

    def records(_: int) -> None:
        for row in range(0, number, BATCH_SIZE):
            reader.read(np.arange(row, min(row + BATCH_SIZE, number)))

    with contextlib.closing(BareDecode(files, passes)) as bare:
        limit = Contender(BARE, lambda _: bare(), LIMIT)
        for name, torch_name in (("evaluation", "evaluation"), (ALL, "training")):
            plain = plain_batches(files, number, augmented=name == ALL)
            ways = [Contender("tf.data as in TensorFlow's guides", _drain(plain), INSTEAD)]
            if peer is not None:
                ways.append(peer.contender("PyTorch, DataLoader", torch_name, number))
            ways.append(Contender("ours", _drain(ours.pop(name))))
            yield Contest(f"{name}, {SIZE} pixels", "image", number, [*ways, limit])
        ways = [Contender(name, _drain(dataset)) for name, dataset in ours.items()]
        ways.insert(0, Contender(RECORDS, records))
        yield Contest(f"ours in parts, {SIZE} pixels", "image", number, [*ways, limit])


def contests(
    torch_python: str | None = None,
    data_dir: str | None = None,
    dataset: str | None = None,
    split: str = "train",
    num_timed: int = NUM_TIMED,
) -> Iterator[Contest]:
    """Yields the contests on random pictures, or on those of `dataset` if it is not None."""
    with tempfile.TemporaryDirectory() as folder, TorchPeer.started(torch_python) as peer:
        chosen = prepared_split(data_dir, dataset, split) if dataset else drawn_split(folder)
        yield from input_contests(chosen, num_timed, peer)
