"""Times the image input at 299 pixels against the bare decode of the same pictures.

The pipelines are those of training and evaluation, from the shards to batches of 32; what reading
the records costs alone, their checksums and image ids checked, is a row of its own. The bare
decode is PIL's, of files in memory, in as many processes as there are cores. The pictures are a
prepared data set's, best stored with `--shorter_side=346`, or are drawn here: 461 x 346, with the
falling spectrum of photographs and about their bytes. Rounds alternate between the ways. Medians
are quoted of each round's ratio to the bare decode, by the clock and by CPU time.

    python -m eval.benchmark --part=input
    python -m eval.benchmark --part=input --data_dir=data --dataset=coco_tags/coco128 --split=train
"""

import collections
import dataclasses
import functools
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from eval.bare_decode import BareDecode
from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch
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


def drawn_picture(rng: np.random.Generator, height: int = 346, width: int = 461) -> bytes:
    """Returns a JPEG file of noise whose spectrum falls as photographs' does."""
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
    """Returns a split of drawn pictures, written to one shard in `folder`."""
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
    """Returns a split of a prepared data set, of labels or of captions."""
    builder = find_builder(data_dir, dataset)
    config = _config(read_annotations(builder.data_dir, name))
    return load_split(builder, name, Vocabularies.from_dataset(builder.data_dir, config), config)


def lengthened(split: Split, times: int) -> Split:
    """Returns a split that holds the pictures of a small one so often, read in one pass.

    Real ones have thousands of pictures: the few batches of a small one, begun over and over, would
    time how a pipeline starts.
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


def _files(split: Split) -> list[bytes]:
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    records = split.record_reader().read(np.arange(split.num_images))
    return list(tf.io.parse_example(records, feature)["image"].numpy())


def _drain(dataset: tf.data.Dataset) -> float:
    """Reads all batches and returns this process's CPU time in seconds."""
    before = time.process_time()
    collections.deque(dataset, maxlen=0)
    return time.process_time() - before


def _pipelines(split: Split) -> dict[str, Callable[[], float]]:
    """Returns what reads every image of the split, by name."""

    def inputs(**augmentation: bool) -> Inputs:
        chosen = {"random_crop": False, "random_flip": False, "color_jitter": False, **augmentation}
        image = ImageConfig(resize_ratio=RATIO, **chosen)
        return Inputs(split, (batch.IMAGE,), image, SIZE, "inception")

    def training(**augmentation: bool) -> Callable[[], float]:
        size = min(BATCH_SIZE, split.num_images)
        steps = split.num_images // size
        dataset = training_batches(inputs(**augmentation), size, seed=0).take(steps)
        return functools.partial(_drain, dataset)

    reader = split.record_reader()

    def records() -> float:
        before = time.process_time()
        for row in range(0, split.num_images, BATCH_SIZE):
            reader.read(np.arange(row, min(row + BATCH_SIZE, split.num_images)))
        return time.process_time() - before

    def evaluation() -> Callable[[], float]:
        return functools.partial(_drain, evaluation_batches(inputs(), BATCH_SIZE))

    return {
        RECORDS: records,
        "evaluation": evaluation(),
        "training, no augmentation": training(),
        "training, random crop": training(random_crop=True),
        "training, flip": training(random_flip=True),
        "training, colour jitter": training(color_jitter=True),
        "training, all three": training(random_crop=True, random_flip=True, color_jitter=True),
    }


def run(split: Split, rounds: int = 5, num_timed: int = NUM_TIMED) -> list[dict[str, float | str]]:
    """Times the ways in turns.

    Args:
      split: whose pictures.
      rounds: timed rounds of each way, after one that is not counted.
      num_timed: pictures a round, at least; the split is read as often as that takes.

    Returns:
      A row a way: name, medians of images a second and of milliseconds of CPU an image, and of
      the rounds' shares of the bare decode's speed, by the clock and by CPU time.
    """
    passes = -(-num_timed // split.num_images)
    number, secs = passes * split.num_images, collections.defaultdict(list)
    bare = BareDecode(_files(split), passes)
    ways = {BARE: bare, **_pipelines(lengthened(split, passes))}
    for done in range(rounds + 1):
        for name, way in ways.items():
            before = time.perf_counter()
            cpu = way()
            if done:
                secs[name].append((time.perf_counter() - before, cpu))
    bare.close()
    times = {name: np.transpose(values) for name, values in secs.items()}
    return [
        {
            "way": name,
            "images_per_sec": float(number / np.median(wall)),
            "cpu_ms": float(1e3 * np.median(cpu) / number),
            "share": float(np.median(times[BARE][0] / wall)),
            "cpu_share": float(np.median(times[BARE][1] / cpu)),
        }
        for name, (wall, cpu) in times.items()
    ]


def main(data_dir: str | None = None, dataset: str | None = None, split: str = "train") -> None:
    """Prints the table, of a prepared data set where one is named."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = prepared_split(data_dir, dataset, split) if dataset else drawn_split(folder)
        for row in run(chosen):
            print(
                f"input  {row['way']:<28s} {row['images_per_sec']:8.0f} images/s "
                f"{row['cpu_ms']:7.3f} ms of CPU  {row['share']:5.2f} of the bare decode, "
                f"{row['cpu_share']:5.2f} by CPU time"
            )
