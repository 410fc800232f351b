"""The timed parts of `eval.gpu_check`; each returns rows of JSON values."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from eval import benchmark_annotate, benchmark_train, interleaved
from eval.synthetic_batches import (
    CAPTIONS_AN_IMAGE,
    EXPERIMENT,
    VOCAB_SIZE,
    caption_batch,
    training_step,
    with_encoder,
)
from semreg_tf import experiments
from semreg_tf.config import Config, DecodingConfig
from semreg_tf.decoding.search import Search
from semreg_tf.models.encoder import encoder_spec

Row = dict[str, Any]
# Precision, TF32 in float32 products, XLA.
WAYS = {
    "float32": ("float32", False, False),
    "float32 with TF32": ("float32", True, False),
    "float32 with TF32, XLA": ("float32", True, True),
    "mixed_bfloat16": ("mixed_bfloat16", True, False),
    "mixed_bfloat16, XLA": ("mixed_bfloat16", True, True),
}
JOINT_ENCODERS = ("inception_v3", "efficientnet_lite2")
# Stages of the paper's captioner (Sec. 5.1): the part that times a step, and the number of steps.
PAPER_STEPS = {
    "prediction layer alone": ("unary inception_v3", 10_000),
    "unary": ("unary inception_v3", 30_000),
    "relational": ("relational", 1_000_000),
    "joint": ("joint inception_v3", 500_000),
}


def parts(steps: int) -> dict[str, Callable[[], list[Row]]]:
    """Returns the parts by name, the most important first."""
    by_name: dict[str, Callable[[], list[Row]]] = {
        "limits": limits,
        "relational": partial(relational, steps),
    }
    for name in JOINT_ENCODERS:
        by_name[f"joint {name}"] = partial(image_stage, "joint", name, tuple(WAYS), steps)
        fast = ("float32 with TF32", "mixed_bfloat16, XLA")
        by_name[f"unary {name}"] = partial(image_stage, "unary", name, fast, steps)
    by_name["decode"] = decode
    by_name["annotate"] = annotate
    return by_name


def describe_device() -> Row:
    """Returns the card's name and the versions of the libraries."""
    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return {
        "name": details.get("device_name", "no GPU: figures of the CPU"),
        "compute_capability": details.get("compute_capability"),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "cuda": tf.sysconfig.get_build_info().get("cuda_version"),
    }


def limits() -> list[Row]:
    """Measures the card's rates: matrix products by precision, and copies in memory."""
    size, rows = 8192 if _has_gpu() else 1024, []
    for name, dtype, tf32 in (
        ("float32", tf.float32, False),
        ("TF32", tf.float32, True),
        ("bfloat16", tf.bfloat16, True),
    ):
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        a = tf.cast(tf.random.normal((size, size)), dtype)
        product = tf.function(
            lambda x: tf.reduce_sum(tf.cast(tf.linalg.matmul(x, x)[:1], tf.float32))
        )
        secs = _median_secs(lambda product=product, a=a: product(a))
        rows.append({"part": "limits", "way": name, "tflops": 2 * size**3 / secs / 1e12})
    values = tf.zeros((256 if _has_gpu() else 16, 1024, 1024))
    copy = tf.function(lambda x: x + 1.0)
    secs = _median_secs(lambda: copy(values))
    moved = 2 * values.shape.num_elements() * 4
    return [*rows, {"part": "limits", "way": "memory", "gb_a_sec": moved / secs / 1e9}]


def relational(steps: int) -> list[Row]:
    """Times the relational step of the paper's captioner beside plain Keras's."""
    config = experiments.get(EXPERIMENT)
    batches = [caption_batch(config.relational.batch_size, 1, seed=i) for i in range(8)]
    words = [
        np.zeros(int(n)) for b in batches for n in b["padding_mask"].numpy().sum(-1).ravel() - 1
    ]
    operations = benchmark_train.floating_operations(config, words, config.relational.batch_size)
    rows = []
    tf.config.experimental.enable_tensor_float_32_execution(False)
    plain = benchmark_train.plain_step(config)
    rows.append({"way": "plain Keras, float32", **_time_steps(plain, batches, steps)})
    for way in WAYS:
        step, _ = _training_step(config, "relational", way)
        rows.append({"way": way, **_time_steps(step, batches, steps)})
        keras.backend.clear_session()
    for row in rows:
        row |= {
            "part": "relational",
            "times_plain": rows[0]["ms"] / row["ms"],
            "tflops": operations / row["ms"] / 1e9,
        }
    return rows


def image_stage(stage: str, encoder: str, ways: tuple[str, ...], steps: int) -> list[Row]:
    """Times a step of 32 images of the unary or the joint stage, five captions an image."""
    config = with_encoder(experiments.get(EXPERIMENT), encoder)
    size = encoder_spec(encoder).default_size
    images = getattr(config, stage).batch_size
    batches = [caption_batch(images, CAPTIONS_AN_IMAGE, size, i) for i in range(2)]
    rows = []
    for way in ways:
        _reset_memory()
        row = {"part": f"{stage} {encoder}", "way": way}
        try:
            step, _ = _training_step(config, stage, way)
            row |= _time_steps(step, batches, steps)
            row |= {"images_per_sec": 1e3 * images / row["ms"], "peak_gb": _peak_gb()}
        except (tf.errors.OpError, ValueError) as error:
            row["error"] = f"{type(error).__name__}: {str(error)[:200]}"
        rows.append(row)
        keras.backend.clear_session()
    return rows


def decode() -> list[Row]:
    """Times greedy and beam search over 12,000 words with random weights, all 19 steps."""
    config, rows = experiments.get(EXPERIMENT), []
    for way in ("float32", "float32 with TF32"):
        _, annotator = _training_step(config, "relational", way)
        for method, width in (("greedy", 1), ("beam", 3)):
            for images in (1, 64, 256):
                decoding = DecodingConfig(method=method, beam_width=width)
                concepts = caption_batch(images, 1)["concepts"]
                run = _searcher(annotator, decoding)
                secs = _median_secs(lambda run=run, concepts=concepts: run(concepts))
                rows.append(
                    {
                        "part": "decode",
                        "way": f"{method} {width}, batch {images}, {way}",
                        "captions_per_sec": images / secs,
                    }
                )
    return rows


def annotate() -> list[Row]:
    """Times annotating files with an export beside its CNN's bare forward pass."""
    tf.config.experimental.enable_tensor_float_32_execution(True)
    contests = benchmark_annotate.contests(("inception_v3",), num_pictures=256, batch_size=64)
    rows = interleaved.run_all(contests, 2, report=lambda line: None)
    return [{"part": "annotate", "images_per_sec": 1e3 / row["ms"], **row} for row in rows]


def paper_schedule(rows: list[Row]) -> list[Row]:
    """Estimates the hours of the paper's 1,540,000 iterations from the measured steps.

    Steps of the prediction layer count as whole unary steps, an upper bound.
    """
    schedules = []
    for way in WAYS:
        ms = {row["part"]: row["ms"] for row in rows if row.get("way") == way and "ms" in row}
        if all(part in ms for part, _ in PAPER_STEPS.values()):
            hours = {name: n * ms[part] / 3.6e6 for name, (part, n) in PAPER_STEPS.items()}
            schedules.append({"way": way, "hours": hours, "hours_in_all": sum(hours.values())})
    return schedules


def _training_step(config: Config, stage: str, way: str) -> tuple[Callable, Any]:
    precision, tf32, xla = WAYS[way]
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    return training_step(dataclasses.replace(config, precision=precision, jit_compile=xla), stage)


def _searcher(annotator: Any, decoding: DecodingConfig) -> Callable[[tf.Tensor], tf.Tensor]:
    table = annotator.decoder.input_table()

    @tf.function
    def run(concepts: tf.Tensor) -> tf.Tensor:
        start = annotator.search_start({"concept_probabilities": concepts}, table)
        return Search(decoding, start_id=VOCAB_SIZE, end_id=VOCAB_SIZE - 1)(*start).token_ids

    return run


def _time_steps(step: Callable, batches: list[dict], steps: int) -> Row:
    """Returns the median milliseconds of a step, after a first pass over all batches."""
    before = time.perf_counter()
    for tensors in batches:
        _wait(step(tensors))
    first = time.perf_counter() - before
    secs = []
    for number in range(steps):
        before = time.perf_counter()
        _wait(step(batches[number % len(batches)]))
        secs.append(time.perf_counter() - before)
    return {"ms": 1e3 * statistics.median(secs), "first_pass_secs": round(first, 1)}


def _wait(result: Any) -> None:
    """Waits for the device by reading a scalar of the result."""
    float(result["loss"] if isinstance(result, dict) else result)


def _median_secs(call: Callable[[], tf.Tensor]) -> float:
    call().numpy()
    secs = []
    for _ in range(5):
        before = time.perf_counter()
        result = call()
        # Only one element is read, so that copying a large result to the host is not timed.
        tf.reshape(result, [-1])[0].numpy()
        secs.append(time.perf_counter() - before)
    return statistics.median(secs)


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _reset_memory() -> None:
    if _has_gpu():
        tf.config.experimental.reset_memory_stats("GPU:0")


def _peak_gb() -> float | None:
    if not _has_gpu():
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9
