"""Random captions and batches, the trainer's step, and matrix products, for benchmarks."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.targets import multi_hot, shift
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import build_train_step, pad_time

EXPERIMENT = "coco_captions/s_cnn_rnn"
NUM_CONCEPTS, VOCAB_SIZE = 1_000, 12_000
CONCEPTS_AN_IMAGE, CAPTIONS_AN_IMAGE = 25, 5
Step = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def words_of(length: int, rng: np.random.Generator, vocab_size: int = VOCAB_SIZE) -> np.ndarray:
    """Returns random word ids, (length,), of a Zipf distribution with the exponent of captions."""
    return np.minimum(rng.zipf(1.3, length), vocab_size - 2) - 1


def captions(
    number: int, rng: np.random.Generator, vocab_size: int = VOCAB_SIZE
) -> list[np.ndarray]:
    """Returns random captions as word ids, with COCO's lengths: mean 10.5, at least 5."""
    lengths = np.clip(np.rint(rng.gamma(19, 10.5 / 19, number)), 5, 30).astype(int)
    return [words_of(length, rng, vocab_size) for length in lengths]


def batch_of(
    words: Sequence[np.ndarray],
    rng: np.random.Generator,
    captions_an_image: int = 1,
    vocab_size: int = VOCAB_SIZE,
    num_concepts: int = NUM_CONCEPTS,
) -> dict[str, tf.Tensor]:
    """Returns a batch of captions, with random concepts of each image."""
    inputs, targets, mask = shift(words, vocab_size, vocab_size - 1)
    images, chosen = len(words) // captions_an_image, min(CONCEPTS_AN_IMAGE, num_concepts)
    shape = (images, captions_an_image, -1)
    splits = np.arange(0, chosen * images + 1, chosen)
    concepts = rng.integers(0, num_concepts, splits[-1])
    return {
        batch.CONCEPTS: tf.constant(multi_hot(concepts, splits, num_concepts)),
        batch.INPUT_IDS: tf.constant(inputs.reshape(shape)),
        batch.TARGET_IDS: tf.constant(targets.reshape(shape)),
        batch.PADDING_MASK: tf.constant(mask.reshape(shape)),
    }


def caption_batch(
    images: int,
    captions_an_image: int,
    image_size: int | None = None,
    seed: int = 0,
    vocab_size: int = VOCAB_SIZE,
    num_concepts: int = NUM_CONCEPTS,
) -> dict[str, tf.Tensor]:
    """Returns a random batch: concepts, captions of COCO's lengths and, with a size, images."""
    rng = np.random.default_rng(seed)
    words = captions(images * captions_an_image, rng, vocab_size)
    tensors = batch_of(words, rng, captions_an_image, vocab_size, num_concepts)
    if image_size is not None:
        pixels = rng.uniform(-1, 1, (images, image_size, image_size, 3)).astype(np.float32)
        tensors[batch.IMAGE] = tf.constant(pixels)
    return tensors


def with_encoder(config: Config, name: str) -> Config:
    """Returns a config with another encoder, with random weights."""
    return dataclasses.replace(
        config, encoder=dataclasses.replace(config.encoder, name=name, weights=None)
    )


def training_step(
    config: Config,
    stage: str,
    num_concepts: int = NUM_CONCEPTS,
    vocab_size: int = VOCAB_SIZE,
    distribution: Distribution | None = None,
) -> tuple[Step, Annotator]:
    """Returns the trainer's step of a stage's last phase, and the models it trains.

    Args:
      config: the experiment, with precision and XLA.
      stage: "unary", "relational" or "joint".
      num_concepts: number of concepts.
      vocab_size: number of words.
      distribution: the replicas that share a step; None: one.
    """
    distribution = distribution or Distribution()
    keras.config.set_dtype_policy(config.precision)
    phase = find_stage(config, stage).phases[-1]
    # A phase that is fed the true concepts does not run the CNN.
    size = 8 if phase.loss.reads == "true_concepts" else None
    with distribution.scope():
        annotator = Annotator(config, num_concepts, vocab_size, feature_size=size)
        groups = build_groups(annotator, phase)
    keras.config.set_dtype_policy("float32")
    step = build_train_step(annotator, phase, groups, config.jit_compile, distribution)
    seed = tf.constant([0, 0])

    def call(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs = {name: tensors[name] for name in phase.keys if name in tensors}
        return step(pad_time(inputs) if config.jit_compile else inputs, seed)

    return call, annotator


def decoder_products(
    rows: int, cells: int, vocab_size: int, steps: int = 1
) -> Callable[[int], None]:
    """Returns a function that multiplies by an LSTM's recurrent and output matrices."""
    hidden = tf.random.normal((rows, cells))
    matrices = [tf.random.normal((cells, n)) for n in (4 * cells, vocab_size)]
    multiply = tf.function(lambda: tf.add_n([tf.matmul(hidden, m)[0, 0] for m in matrices]))

    def call(_: int) -> None:
        for _ in range(steps):
            multiply().numpy()

    return call
