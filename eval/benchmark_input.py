"""Times the image input at 299 pixels against the bare decode of the same pictures.

The pictures are drawn here, 640 x 480 photographs' size with their detail, or taken from a
prepared data set; they are stored with the shorter side at 346 as preparation can do. The bare
decode is PIL's, in as many threads as there are cores. Rounds alternate; medians are quoted.

    python -m eval.benchmark_input
"""

import io
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from semreg_tf.data import image_ops

SIZE, RATIO, SIDE = 299, 346 / 299, 346
NUM_PICTURES = 128


def drawn_pictures(number: int = NUM_PICTURES, seed: int = 0) -> list[bytes]:
    """Returns JPEG files of smoothed noise, 461 x 346, about as large as photographs."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        pixels = rng.integers(0, 256, (SIDE, 461, 3), np.uint8)
        picture = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.5))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=90)
        made.append(out.getvalue())
    return made


def _bare(pictures: list[bytes]) -> None:
    def decode(encoded: bytes) -> tuple[int, ...]:
        return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).shape

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, pictures))


def _pipeline(pictures: list[bytes], decode: Callable) -> Callable[[], None]:
    dataset = tf.data.Dataset.from_tensor_slices(pictures).enumerate()
    dataset = dataset.map(decode, os.cpu_count(), deterministic=True).batch(32).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = dataset.with_options(options)
    return lambda: [None for _ in dataset]


def run(pictures: list[bytes] | None = None, rounds: int = 5) -> list[dict[str, float | str]]:
    """Times the ways in turns.

    Args:
      pictures: JPEG files; None: drawn ones.
      rounds: timed rounds of each way, after one that is not counted.

    Returns:
      A row a way: name, median images a second, share of the bare decode's.
    """
    pictures = drawn_pictures() if pictures is None else pictures

    def training(**chosen: bool) -> Callable:
        switches = {"random_crop": False, "random_flip": False, "color_jitter": False, **chosen}

        def decode(i: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
            seed = tf.stack([tf.constant(0), tf.cast(i, tf.int32)])
            return image_ops.decode_for_training(
                encoded, SIZE, RATIO, "inception", seed=seed, **switches
            )

        return decode

    ways = {
        "bare decode (PIL)": lambda: _bare(pictures),
        "evaluation": _pipeline(
            pictures,
            lambda i, x: image_ops.decode_for_evaluation(x, SIZE, RATIO, "inception"),
        ),
        "training, no augmentation": _pipeline(pictures, training()),
        "training, + random crop": _pipeline(pictures, training(random_crop=True)),
        "training, + flip": _pipeline(pictures, training(random_crop=True, random_flip=True)),
        "training, + colour jitter": _pipeline(
            pictures, training(random_crop=True, random_flip=True, color_jitter=True)
        ),
    }
    secs: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            before = time.perf_counter()
            way()
            if number:
                secs[name].append(time.perf_counter() - before)
    bare = statistics.median(secs["bare decode (PIL)"])
    return [
        {
            "way": name,
            "images_per_sec": len(pictures) / statistics.median(values),
            "share": bare / statistics.median(values),
        }
        for name, values in secs.items()
    ]


def main() -> None:
    """Prints the table."""
    for row in run():
        print(
            f"input  {row['way']:<28s} {row['images_per_sec']:8.0f} images/s "
            f"{row['share']:6.2f} of the bare decode"
        )


if __name__ == "__main__":
    main()
