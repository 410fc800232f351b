"""Times annotating files with an export against its CNN's bare forward pass, in one run.

The pictures are drawn, 640 x 480 with a photograph's detail, and lie on disk; the models have
random weights, so every caption takes all 19 steps of the beam, which is the most it can cost.
`annotate` is the whole way of `annotate_images`: read, check, decode, resize, CNN, concepts, beam,
words, answers on disk. The bare pass is the same CNN on pixels that are in memory already: as
Keras runs it in training, and with its batch normalisation folded as the export has it. Rounds
alternate; medians are quoted, and the share of the bare pass that annotating reaches. The
processor's own time a picture stands beside it: on a machine that others use as well, it is the
steadier of the two.

    python -m eval.benchmark --part=annotate
"""

import dataclasses
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from semreg_tf import experiments
from semreg_tf.annotating.collection import Job, annotate_collection
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.config import Config
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.export import export
from semreg_tf.inference import load
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import fold_batch_norm

ENCODERS = ("inception_v3", "squeezenet_v1_1")
WAYS = ("bare, folded", "bare, as trained", "annotate")
_WIDTH, _HEIGHT = 640, 480


def write_pictures(folder: Path, number: int, seed: int = 0) -> list[str]:
    """Writes JPEG files of smoothed noise and returns their paths."""
    rng = np.random.default_rng(seed)
    paths = []
    for i in range(number):
        pixels = rng.integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8)
        picture = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.5))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=90)
        paths.append(str(folder / f"{i:04}.jpg"))
        Path(paths[-1]).write_bytes(out.getvalue())
    return paths


def captioner(encoder: str, vocab_size: int) -> tuple[Config, Vocabularies, Annotator]:
    """Returns the COCO captioner of Table 4 with random weights and made-up words."""
    config = experiments.get("coco_captions/s_cnn_rnn")
    own = dataclasses.replace(config.encoder, name=encoder, weights=None)
    config = dataclasses.replace(config, encoder=own)
    words = NameList(tuple(f"w{i}" for i in range(vocab_size)), (1,) * vocab_size)
    vocabularies = Vocabularies(Vocabulary(words, "words"), words.head(1000))
    sizes = len(vocabularies.concepts), vocabularies.output.size
    return config, vocabularies, Annotator(config, *sizes)


def run(
    encoders: Sequence[str] = ENCODERS,
    *,
    vocab_size: int = 12_000,
    num_pictures: int = 96,
    batch_size: int = 32,
    rounds: int = 3,
    report: Callable[[str], None] = print,
) -> list[dict[str, float | str]]:
    """Times the ways of each encoder in turns.

    Args:
      encoders: their names.
      vocab_size: words of the captioner.
      num_pictures: files of a round.
      batch_size: pictures at once.
      rounds: timed rounds, after one that is not counted.
      report: receives a line a row.

    Returns:
      A row an encoder and way: `encoder`, `way`, `images_per_sec`, `share` of the folded bare
      pass's rate, and `cpu_ms`, the processor's milliseconds a picture.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_pictures(folder, num_pictures)
        for encoder in encoders:
            ways = _ways(encoder, folder, paths, vocab_size, batch_size)
            secs = _time(ways, rounds)
            for way, (own, cpu) in secs.items():
                rows.append(
                    {
                        "encoder": encoder,
                        "way": way,
                        "images_per_sec": num_pictures / own,
                        "share": secs[WAYS[0]][0] / own,
                        "cpu_ms": 1e3 * cpu / num_pictures,
                    }
                )
                report(format_row(rows[-1]))
            keras.backend.clear_session()
    return rows


def format_row(row: dict[str, float | str]) -> str:
    """Returns a row of `run` as one line of text."""
    return (
        f"annotate  {row['encoder']:<16s} {row['way']:<18s} {row['images_per_sec']:8.1f} images/s "
        f"{row['share']:6.2f} of the folded bare pass, {row['cpu_ms']:6.1f} ms of processor each"
    )


def _ways(
    encoder: str, folder: Path, paths: Sequence[str], vocab_size: int, batch_size: int
) -> dict[str, Callable[[int], None]]:
    config, vocabularies, annotator = captioner(encoder, vocab_size)
    model = load(export(config, vocabularies, annotator, folder / encoder))
    size = annotator.encoder.input["image"].shape[1]
    pixels = tf.random.stateless_uniform((batch_size, size, size, 3), (0, 0), -1.0, 1.0)

    def bare(cnn: keras.Model) -> Callable[[int], None]:
        forward = tf.function(lambda x: cnn({"image": x}, training=False)["features"])

        def call(_: int) -> None:
            for _ in range(len(paths) // batch_size):
                forward(pixels).numpy()

        return call

    def annotate(number: int) -> None:
        answers = folder / f"{encoder}-{number}.jsonl"
        job = Job(model, [Picture(p) for p in paths], answers=answers, batch_size=batch_size)
        bad = [row for row in annotate_collection(job) if "error" in row]
        if bad:
            raise ValueError(f"Every drawn picture must be annotated. Received: {bad[0]}")

    folded = fold_batch_norm(annotator.encoder)
    return dict(zip(WAYS, (bare(folded), bare(annotator.encoder), annotate), strict=True))


def _time(ways: dict[str, Callable[[int], None]], rounds: int) -> dict[str, tuple[float, float]]:
    """Returns the median seconds of each way, by the clock and of the processor."""
    clocks = (time.perf_counter, time.process_time)
    taken: dict[str, list[list[float]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, call in ways.items():
            before = [clock() for clock in clocks]
            call(number)
            if number:
                taken[way].append([c() - b for c, b in zip(clocks, before, strict=True)])
    return {
        way: tuple(statistics.median(own) for own in zip(*rounds_of, strict=True))
        for way, rounds_of in taken.items()
    }
