"""Random batches, and the trainer's step, for benchmarks."""

import dataclasses
from collections.abc import Callable

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

NUM_CONCEPTS, VOCAB_SIZE = 1_000, 12_000
CONCEPTS_AN_IMAGE = 25
Step = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def caption_batch(
    images: int,
    captions: int,
    image_size: int | None = None,
    seed: int = 0,
    vocab_size: int = VOCAB_SIZE,
    num_concepts: int = NUM_CONCEPTS,
) -> dict[str, tf.Tensor]:
    """Returns one random batch: concepts, captions of COCO's lengths and, with a size, images.

    Args:
      images: number of images in the batch.
      captions: number of captions of each image.
      image_size: side of the square images in pixels; None: no `image`.
      seed: random seed.
      vocab_size: number of words.
      num_concepts: number of concepts.
    """
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.rint(rng.gamma(19, 10.5 / 19, images * captions)), 5, 30).astype(int)
    # A Zipf distribution with the exponent of words in captions.
    words = [np.minimum(rng.zipf(1.3, n), vocab_size - 2) - 1 for n in lengths]
    inputs, targets, mask = shift(words, vocab_size, vocab_size - 1)
    shape = (images, captions, -1)
    chosen = min(CONCEPTS_AN_IMAGE, num_concepts)
    splits = np.arange(0, chosen * images + 1, chosen)
    concepts = rng.integers(0, num_concepts, splits[-1])
    tensors = {
        batch.CONCEPTS: tf.constant(multi_hot(concepts, splits, num_concepts)),
        batch.INPUT_IDS: tf.constant(inputs.reshape(shape)),
        batch.TARGET_IDS: tf.constant(targets.reshape(shape)),
        batch.PADDING_MASK: tf.constant(mask.reshape(shape)),
    }
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
