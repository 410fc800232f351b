"""The work that `eval.benchmark --part=growth` measures, as functions of its size."""

import collections
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from eval.benchmark_decode import RandomDecoder, batched_decoder
from eval.synthetic_batches import (
    EXPERIMENT,
    NUM_CONCEPTS,
    VOCAB_SIZE,
    batch_of,
    training_step,
    words_of,
)
from semreg_tf import experiments
from semreg_tf.config import DataConfig
from semreg_tf.data import annotations, index_plan
from semreg_tf.data.annotation_tensors import AnnotationTensors
from semreg_tf.data.name_list import NameList
from semreg_tf.data.record_reader import RecordReader
from semreg_tf.data.tag_neighbours import TagSets, nearest_by_tags
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.metrics.retrieval import retrieval_metrics

MEAN_WORDS, CAPTIONS, TAGS, MEAN_TAGS, NEIGHBOURS = 10, 5, 5_000, 7, 6
QUERIES, CELLS, IMAGES = 1_000, 512, 64
# Number of timed repeats, fewer if they take more than a second; the median counts.
_REPEATS = 5
Work = dict[str, float | str]
Point = list[Work]


def step(captions: int = 32, vocab_size: int = VOCAB_SIZE, words: int = MEAN_WORDS) -> Point:
    """Times a relational step on captions of equal length."""
    config = experiments.get(EXPERIMENT)
    call, _ = training_step(config, "relational", vocab_size=vocab_size)
    rng = np.random.default_rng(0)
    drawn = [words_of(words, rng, vocab_size) for _ in range(captions)]
    tensors = batch_of(drawn, rng, vocab_size=vocab_size)
    points: Point = []
    _timed(points, "relational step", lambda: float(call(tensors)["loss"]))
    return points


def decode(
    images: int = IMAGES, vocab_size: int = VOCAB_SIZE, words: int = 19, beam_width: int = 3
) -> Point:
    """Times a search whose captions have equal lengths."""
    search = batched_decoder(
        RandomDecoder(vocab_size, CELLS), beam_width=beam_width, max_steps=words
    )
    lengths = np.full(images, words + 1, np.int32)
    points: Point = []
    _timed(points, "search", lambda: search(lengths))
    return points


def pictures(number: int) -> Point:
    """Times the work before the first step on `number` pictures, and searches among them."""
    points: Point = []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        _annotations(points, number, rng, Path(folder))
        _records(points, number, Path(folder))
    tags = drawn_tags(number)
    # Only some pictures are queries, because the time is proportional to their number.
    num_queries = min(QUERIES, number)
    splits = tags.row_splits[: num_queries + 1]
    queries = TagSets(tags.image_ids[:num_queries], tags.ids[: splits[-1]], splits, TAGS)

    def search() -> None:
        collections.deque(nearest_by_tags(queries, tags, NEIGHBOURS), maxlen=0)

    _timed(points, f"neighbours of {QUERIES:,} by Jaccard", search, 1)
    scores = rng.random((min(QUERIES, number), number), np.float32)
    owners, columns = np.arange(len(scores)), np.arange(number)
    ranks = f"ranks of {QUERIES:,} sentences"
    _timed(points, ranks, lambda: retrieval_metrics(scores, owners, columns))
    return points


def _annotations(points: Point, number: int, rng: np.random.Generator, folder: Path) -> None:
    words = [f"w{i}" for i in range(VOCAB_SIZE)]
    ids = np.minimum(rng.zipf(1.3, (number, CAPTIONS, MEAN_WORDS)), VOCAB_SIZE) - 1
    path = folder / "train.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for i, picture_captions in enumerate(ids):
            texts = [" ".join(words[w] for w in caption) for caption in picture_captions]
            fields = {"captions": texts, "tokens": texts, "labels": [], "user_tags": []}
            line = {"image_id": str(i), "file_name": f"{i}.jpg", **fields, "groups": []}
            file.write(json.dumps(line) + "\n")
    counts = NameList(tuple(words), tuple(range(VOCAB_SIZE, 0, -1)))
    names = Vocabularies(Vocabulary(counts, "words"), counts.head(NUM_CONCEPTS))
    config = DataConfig(task="captions", min_word_count=1)

    def read() -> list[annotations.Annotation]:
        with path.open(encoding="utf-8") as lines:
            return [annotations.from_line(line, path, i) for i, line in enumerate(lines, start=1)]

    def plan() -> None:
        lengths = np.diff(encoded.token_splits)
        index_plan.IndexPlan(len(lengths), 32, 0, lengths).batch(0)

    whole = _timed(points, "annotations read", read, 1)
    encoded = _timed(points, "captions as ids", lambda: encode_annotations(whole, names, config), 1)
    _timed(points, "first epoch's plan", plan, 1)
    _timed(points, "ids as tensors", lambda: AnnotationTensors(encoded, names), 1)


def _records(points: Point, number: int, folder: Path) -> None:
    """Times writing and indexing records; they hold no pictures, whose bytes would be skipped."""
    path = str(folder / "train.tfrecord")

    def write() -> None:
        with tf.io.TFRecordWriter(path) as writer:
            for i in range(number):
                writer.write(b"%020d" % i)

    _timed(points, "shards written", write, 1)
    _timed(points, "records' places found", lambda: RecordReader([path], [number]), 1)


def drawn_tags(num_pictures: int) -> TagSets:
    """Returns random user tags.

    The number of draws per picture follows a Poisson distribution of mean 7; the probability of a
    tag is proportional to 1 / rank (Zipf), and repeated tags of a picture count once. The most
    frequent tag is on half of the pictures, more than in real data, which makes the search harder.
    """
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, TAGS + 1)
    bounds = np.cumsum(shares / shares.sum())
    owners = np.repeat(np.arange(num_pictures), rng.poisson(MEAN_TAGS, num_pictures))
    tags = np.minimum(np.searchsorted(bounds, rng.random(len(owners))), TAGS - 1)
    # Distinct tags of each picture, in the order of the pictures.
    pairs = np.unique(owners * TAGS + tags)
    splits = np.searchsorted(pairs, np.arange(num_pictures + 1) * TAGS)
    image_ids = np.arange(num_pictures).astype(str).astype(object)
    return TagSets(image_ids, (pairs % TAGS).astype(np.int32), splits, TAGS)


def _timed(points: Point, what: str, call: Callable[[], Any], repeats: int = _REPEATS) -> Any:
    """Adds the median seconds to the points, and returns what the call returned.

    With several repeats, a first call is not timed.
    """
    secs: list[float] = []
    if repeats > 1:
        call()
    while len(secs) < repeats and sum(secs) < 1:
        before = time.perf_counter()
        result = call()
        secs.append(time.perf_counter() - before)
    # The peak of the whole process, including TensorFlow.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    points.append({"what": what, "secs": float(np.median(secs)), "peak_mib": peak})
    return result
