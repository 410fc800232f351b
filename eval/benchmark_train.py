"""Times training steps beside plain Keras, PyTorch and the matrix products that are unavoidable.

Ours is the trainer's step as configured (dropout, clipping, RMSProp), on batches bucketed by
length. Plain Keras is the same model from keras.layers.RNN(LSTMCell), Dense and
keras.optimizers.RMSprop in a compiled step with the same options, on shuffled batches, padded to
their longest caption. PyTorch has bucketed batches and no logits of padding
(eval/benchmark_torch.py). All train on the same captions, with COCO's lengths (mean 10.5 words,
deviation 2.4, at least 5). A joint step has five captions per image; its limit is the CNN alone,
forward and backward.

    python -m eval.benchmark --part=train
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.synthetic_batches import (
    CAPTIONS_AN_IMAGE,
    EXPERIMENT,
    NUM_CONCEPTS,
    VOCAB_SIZE,
    batch_of,
    caption_batch,
    captions,
    training_step,
    with_encoder,
)
from eval.torch_peer import TorchPeer
from semreg_tf import experiments
from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec

NUM_CAPTIONS = 32 * 64
JOINT_ENCODERS = ("squeezenet_v1_1", "efficientnet_lite0", "efficientnet_lite2", "inception_v3")
JOINT_IMAGES = 8
Tensors = dict[str, tf.Tensor]


def batches(words: list[np.ndarray], batch_size: int, bucketed: bool) -> list[Tensors]:
    """Returns batches of captions with random concepts, bucketed by length or in order."""
    rng = np.random.default_rng(1)
    order = (
        np.argsort([len(w) for w in words], kind="stable") if bucketed else np.arange(len(words))
    )
    tensors = [
        batch_of([words[i] for i in order[start : start + batch_size]], rng)
        for start in range(0, len(words), batch_size)
    ]
    return [tensors[i] for i in rng.permutation(len(tensors))]


def plain_step(config: Config, encoder: keras.Model | None = None) -> Callable[[Tensors], float]:
    """Returns a training step of the same model, built from Keras's own layers and optimiser.

    Args:
      config: sizes and rates; those of the joint stage with an encoder, else the relational ones.
      encoder: a CNN with the output `features`, trained with the decoder; None: the decoder reads
        the concepts of the batch.

    Returns:
      A function from a batch to the loss.
    """
    section, decoder = config.relational if encoder is None else config.joint, config.decoder
    spread = keras.initializers.RandomUniform(-decoder.initializer_range, decoder.initializer_range)
    dense = functools.partial(keras.layers.Dense, kernel_initializer=spread)
    concepts = keras.Input((NUM_CONCEPTS,))
    ids = keras.Input((None,), dtype="int32")
    words = keras.layers.Embedding(
        VOCAB_SIZE + 1, decoder.word_embedding, embeddings_initializer=spread
    )(ids)
    words = keras.layers.Dropout(decoder.input_dropout)(words)
    cell = keras.layers.LSTMCell(
        decoder.cells,
        activation=decoder.activation,
        kernel_initializer=spread,
        recurrent_initializer=spread,
    )
    state = dense(decoder.cells)(concepts)
    hidden = keras.layers.RNN(cell, return_sequences=True)(
        words, initial_state=[state, keras.ops.zeros_like(state)]
    )
    hidden = keras.layers.Dropout(decoder.output_dropout)(hidden)
    model = keras.Model([concepts, ids], dense(VOCAB_SIZE)(hidden))
    variables, head = list(model.trainable_variables), None
    if encoder is not None:
        head = dense(NUM_CONCEPTS)
        head.build((None, encoder.output["features"].shape[-1]))
        variables += [*encoder.trainable_variables, *head.trainable_variables]
    optimizer = keras.optimizers.RMSprop(
        section.learning_rate, rho=section.rho, epsilon=section.epsilon
    )
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(tensors: Tensors) -> tf.Tensor:
        targets = _flat(tensors[batch.TARGET_IDS])
        mask = tf.cast(_flat(tensors[batch.PADDING_MASK]), tf.float32)
        with tf.GradientTape() as tape:
            seen, loss = tensors[batch.CONCEPTS], 0.0
            if encoder is not None:
                logits = head(encoder({"image": tensors[batch.IMAGE]}, training=True)["features"])
                loss = tf.reduce_mean(
                    tf.nn.sigmoid_cross_entropy_with_logits(labels=seen, logits=logits)
                )
                seen = tf.sigmoid(logits)
            seen = tf.repeat(seen, tf.shape(tensors[batch.TARGET_IDS])[1], axis=0)
            logits = model([seen, _flat(tensors[batch.INPUT_IDS])], training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss += tf.reduce_mean(tf.reduce_sum(losses * mask, axis=-1))
        gradients = tape.gradient(loss, variables)
        if section.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, section.clip_norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda tensors: float(step(tensors))


def _flat(ids: tf.Tensor) -> tf.Tensor:
    """Reshapes ids from (images, captions, time) to (images * captions, time)."""
    return tf.reshape(ids, (-1, tf.shape(ids)[-1]))


def floating_operations(config: Config, words: list[np.ndarray], batch_size: int) -> float:
    """Returns the operations of a step's unavoidable matrix products, those without padding."""
    tokens = batch_size * (np.mean([len(w) for w in words]) + 1)
    units, width = config.decoder.cells, config.decoder.word_embedding
    per_token = 2 * (4 * units * (width + units) + units * VOCAB_SIZE)
    per_caption = 2 * NUM_CONCEPTS * units
    return 3 * (tokens * per_token + batch_size * per_caption)


def products(operations: float) -> Callable[[], None]:
    """Returns a function that computes float32 products with about so many operations."""
    a, b = tf.random.normal((384, 512)), tf.random.normal((512, VOCAB_SIZE))
    multiply = tf.function(lambda: tf.linalg.matmul(a, b)[0, 0])
    times = max(round(operations / (2 * 384 * 512 * VOCAB_SIZE)), 1)

    def call() -> None:
        for _ in range(times):
            multiply().numpy()

    return call


def relational(peer: TorchPeer | None, steps: int = 12) -> Contest:
    """Returns the contest of the relational step, 32 captions and 12,000 words."""
    config = experiments.get(EXPERIMENT)
    size = config.relational.batch_size
    words = captions(NUM_CAPTIONS, np.random.default_rng(0))
    shuffled, bucketed = batches(words, size, False), batches(words, size, True)
    limit = products(steps * floating_operations(config, words, size))
    ways = [Contender("plain Keras", _rounds(plain_step(config), shuffled, steps), INSTEAD)]
    if peer is not None:
        options = {
            "vocab_size": VOCAB_SIZE,
            "dropout": config.decoder.output_dropout,
            "learning_rate": config.relational.learning_rate,
            "clip_norm": config.relational.clip_norm,
        }
        peer.prepare("train", **options, **_as_arrays(bucketed))
        ways += [
            peer.contender("PyTorch, nn.LSTM (tanh)", "nn.LSTM", steps),
            peer.contender("PyTorch, scripted ReLU LSTM", "relu_lstm", steps),
        ]
    for precision in ("float32", "mixed_bfloat16"):
        step, _ = training_step(dataclasses.replace(config, precision=precision), "relational")
        ways.append(Contender(f"ours, {precision}", _rounds(_loss_of(step), bucketed, steps)))
    ways.append(Contender("its matrix products alone, float32", lambda _: limit(), LIMIT))
    return Contest(f"relational step, {size} captions, {VOCAB_SIZE:,} words", "step", steps, ways)


def joint(encoder: str, images: int = JOINT_IMAGES, steps: int = 2) -> Contest:
    """Returns the contest of the joint step with one CNN, five captions per image."""
    config = with_encoder(experiments.get(EXPERIMENT), encoder)
    size = encoder_spec(encoder).default_size
    joint_batches = [caption_batch(images, CAPTIONS_AN_IMAGE, size)]
    step, annotator = training_step(config, "joint")
    cnn = annotator.encoder

    @tf.function
    def bare(image: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(cnn({"image": image}, training=True)["features"])
        gradients = tape.gradient(
            loss, cnn.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return tf.add_n([tf.reduce_sum(tf.convert_to_tensor(g)) for g in gradients])

    plain = plain_step(config, Annotator(config, NUM_CONCEPTS, VOCAB_SIZE).encoder)
    ways = [
        Contender("plain Keras", _rounds(plain, joint_batches, steps), INSTEAD),
        Contender("ours, float32", _rounds(_loss_of(step), joint_batches, steps)),
        Contender(
            "the CNN alone, forward and backward",
            _rounds(lambda tensors: bare(tensors[batch.IMAGE]).numpy(), joint_batches, steps),
            LIMIT,
        ),
    ]
    name = f"joint step, {encoder}, {images} images of {size} pixels"
    return Contest(name, "step", steps, ways)


def contests(torch_python: str | None = None) -> Iterator[Contest]:
    """Yields the contests of the relational step and of a joint step per encoder."""
    with TorchPeer.started(torch_python) as peer:
        yield relational(peer)
    for encoder in JOINT_ENCODERS:
        keras.backend.clear_session()
        yield joint(encoder)


def _as_arrays(tensor_batches: list[Tensors]) -> dict[str, np.ndarray]:
    return {
        f"{name}/{i}": t.numpy()
        for i, tensors in enumerate(tensor_batches)
        for name, t in tensors.items()
    }


def _loss_of(step: Callable) -> Callable[[Tensors], float]:
    return lambda tensors: float(step(tensors)["loss"])


def _rounds(
    step: Callable[[Tensors], object], tensor_batches: list[Tensors], steps: int
) -> Callable[[int], None]:
    """Returns a function that takes the steps of a round, on consecutive batches."""

    def call(number: int) -> None:
        for i in range(steps):
            step(tensor_batches[(number * steps + i) % len(tensor_batches)])

    return call
