"""Times annotating files with an export beside plain Keras and the CNN's forward pass alone.

The pictures are random JPEG files of 640 x 480 pixels on disk, with as much detail as photos. The
models have random weights, so every caption takes all 19 steps of the beam, the largest cost. Ours
is all of `annotate_images`: read, check, decode, resize, CNN, concepts, beam, words, answers on
disk. The plain way loads, predicts and searches picture by picture, in NumPy around a compiled
step. The limit is the same CNN, batch normalisation folded as in the export, on pixels in memory.

    python -m eval.benchmark --part=annotate
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.synthetic_batches import EXPERIMENT, with_encoder
from semreg_tf import experiments
from semreg_tf.annotating.collection import Job, annotate_collection
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.config import Config
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.inference import load
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import fold_batch_norm

ENCODERS = ("inception_v3", "squeezenet_v1_1")
FOLDED = "the CNN alone, batch normalisation folded"
CONCEPTS = "concept_probabilities"
BEAM_WIDTH, MAX_STEPS = 3, 19
_WIDTH, _HEIGHT = 640, 480


def write_pictures(folder: Path, number: int) -> list[str]:
    """Writes JPEG files of blurred noise and returns their paths."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(number):
        pixels = rng.integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8)
        paths.append(str(folder / f"{i:04}.jpg"))
        Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.5)).save(paths[-1], quality=90)
    return paths


def captioner(encoder: str, vocab_size: int) -> tuple[Config, Vocabularies, Annotator]:
    """Returns the COCO captioner of Table 4 with random weights and words."""
    config = with_encoder(experiments.get(EXPERIMENT), encoder)
    words = NameList(tuple(f"w{i}" for i in range(vocab_size)), (1,) * vocab_size)
    vocabularies = Vocabularies(Vocabulary(words, "words"), words.head(1000))
    sizes = len(vocabularies.concepts), vocabularies.output.size
    return config, vocabularies, Annotator(config, *sizes)


def annotate_contest(
    encoder: str,
    folder: Path,
    paths: Sequence[str],
    *,
    vocab_size: int = 12_000,
    batch_size: int = 32,
) -> Contest:
    """Returns the contest of one CNN; `folder` is for the export and the answers."""
    config, vocabularies, annotator = captioner(encoder, vocab_size)
    model = load(export_parts([ExportPart(config, vocabularies, annotator)], folder / encoder))
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

    ways = [
        Contender("Keras and im2txt's loop", _plain_way(annotator, paths, size), INSTEAD),
        Contender("ours, annotate_images", annotate),
        Contender("the CNN alone, as trained", bare(annotator.encoder)),
        Contender(FOLDED, bare(fold_batch_norm(annotator.encoder)), LIMIT),
    ]
    name = f"{encoder}, {size} pixels, beam of 3"
    return Contest(name, "image", len(paths), ways)


def _plain_way(annotator: Annotator, paths: Sequence[str], size: int) -> Callable[[int], None]:
    """Returns a user's own code: load and predict picture by picture, beam search in NumPy."""
    forward = tf.function(lambda x: annotator.encode({"image": x})["concept_probabilities"])
    decoder = annotator.decoder
    start = tf.function(lambda x: decoder.initial_state(decoder.prepare({CONCEPTS: x})))

    @tf.function(reduce_retracing=True)
    def step(ids: tf.Tensor, state: tuple) -> tuple[tf.Tensor, tuple]:
        logits, state = decoder.step(ids, state, ({},))
        return tf.nn.softmax(logits), state

    def call(_: int) -> None:
        for path in paths:
            loaded = keras.utils.load_img(path, target_size=(size, size))
            pixels = keras.utils.img_to_array(loaded)[None] / 127.5 - 1.0
            state = [leaf.numpy() for leaf in start(forward(tf.constant(pixels)))]
            live = [(0.0, [annotator.vocab_size])]
            for _ in range(MAX_STEPS):
                last = np.int32([words[-1] for _, words in live])
                probabilities, state = step(last, tuple(state))
                logs = np.log(probabilities.numpy()) + np.float32([t for t, _ in live])[:, None]
                best = np.argsort(-logs.ravel())[:BEAM_WIDTH]
                rows, ids = np.divmod(best, logs.shape[1])
                live = [
                    (logs[row, word], [*live[row][1], word])
                    for row, word in zip(rows, ids, strict=True)
                ]
                state = [leaf.numpy()[rows] for leaf in state]

    return call


def contests(
    encoders: Sequence[str] = ENCODERS, num_pictures: int = 64, **sizes: int
) -> Iterator[Contest]:
    """Yields a contest per encoder; `sizes` are arguments of `annotate_contest`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_pictures(folder, num_pictures)
        for encoder in encoders:
            yield annotate_contest(encoder, folder, paths, **sizes)
            keras.backend.clear_session()
