"""Times the relational step of `coco_captions/s_cnn_rnn` beside the plain Keras way.

Ours is the trainer's own step as configured (dropout, clipping, RMSProp), float32 and
mixed_bfloat16, on batches bucketed by length. The plain way is the same model from
keras.layers.RNN(LSTMCell), Dense and keras.optimizers.RMSprop in a compiled step with the same
options, on batches as a shuffle gives them, padded to their longest. Both see the same captions,
of COCO's lengths (mean 10.5 words, deviation 2.4, at least 5). Rounds alternate between the ways;
medians are quoted, and the processor time beside them: on a busy machine it is the steadier one.

    python -m eval.benchmark --part=train
"""

import dataclasses
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.targets import multi_hot, shift
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import build_train_step

EXPERIMENT = "coco_captions/s_cnn_rnn"
NUM_CONCEPTS, VOCAB_SIZE = 1_000, 12_000
NUM_CAPTIONS = 32 * 64


def captions(seed: int = 0) -> list[np.ndarray]:
    """Returns random word ids of COCO's lengths; frequent words are frequent."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.rint(rng.gamma(19, 10.5 / 19, NUM_CAPTIONS)), 5, 30).astype(int)
    return [np.minimum(rng.zipf(1.3, n), VOCAB_SIZE - 2) - 1 for n in lengths]


def batches(words: list[np.ndarray], batch_size: int, bucketed: bool) -> list[dict]:
    """Returns batches of the contract, bucketed by length or as they come."""
    rng = np.random.default_rng(1)
    order = (
        np.argsort([len(w) for w in words], kind="stable") if bucketed else np.arange(len(words))
    )
    made = []
    for start in range(0, len(words), batch_size):
        chosen = [words[i] for i in order[start : start + batch_size]]
        inputs, targets, mask = shift(chosen, VOCAB_SIZE, VOCAB_SIZE - 1)
        splits = np.arange(0, 25 * batch_size + 1, 25)
        concepts = rng.integers(0, NUM_CONCEPTS, splits[-1])
        made.append(
            {
                batch.CONCEPTS: tf.constant(multi_hot(concepts, splits, NUM_CONCEPTS)),
                batch.INPUT_IDS: tf.constant(inputs[:, None]),
                batch.TARGET_IDS: tf.constant(targets[:, None]),
                batch.PADDING_MASK: tf.constant(mask[:, None]),
            }
        )
    return [made[i] for i in rng.permutation(len(made))]


def our_step(config: Config) -> Callable[[dict], float]:
    """Returns the trainer's own step."""
    keras.config.set_dtype_policy(config.precision)
    annotator = Annotator(config, NUM_CONCEPTS, VOCAB_SIZE, feature_size=8)
    keras.config.set_dtype_policy("float32")
    (phase,) = find_stage(config, "relational").phases
    groups = build_groups(annotator, phase)
    step = build_train_step(annotator, phase, groups, config.jit_compile)
    return lambda tensors: float(step(tensors, tf.constant([0, 0]))["loss"])


def plain_step(config: Config) -> Callable[[dict], float]:
    """Returns a step of the same model from Keras's own layers and optimiser."""
    section, decoder = config.relational, config.decoder
    spread = keras.initializers.RandomUniform(-decoder.initializer_range, decoder.initializer_range)
    concepts = keras.Input((NUM_CONCEPTS,))
    ids = keras.Input((None,), dtype="int32")
    state = keras.layers.Dense(decoder.cells, kernel_initializer=spread)(concepts)
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
    hidden = keras.layers.RNN(cell, return_sequences=True)(
        words, initial_state=[state, keras.ops.zeros_like(state)]
    )
    hidden = keras.layers.Dropout(decoder.output_dropout)(hidden)
    logits = keras.layers.Dense(VOCAB_SIZE, kernel_initializer=spread)(hidden)
    model = keras.Model([concepts, ids], logits)
    optimizer = keras.optimizers.RMSprop(
        section.learning_rate, rho=section.rho, epsilon=section.epsilon
    )
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(tensors: dict[str, tf.Tensor]) -> tf.Tensor:
        targets = tensors[batch.TARGET_IDS][:, 0]
        mask = tf.cast(tensors[batch.PADDING_MASK][:, 0], tf.float32)
        with tf.GradientTape() as tape:
            made = model([tensors[batch.CONCEPTS], tensors[batch.INPUT_IDS][:, 0]], training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, made)
            loss = tf.reduce_mean(tf.reduce_sum(losses * mask, axis=-1))
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, section.clip_norm)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda tensors: float(step(tensors))


def floating_operations(config: Config, words: list[np.ndarray], batch_size: int) -> float:
    """Returns the products' operations a step that no way can avoid: real words alone."""
    tokens = batch_size * (np.mean([len(w) for w in words]) + 1)
    units, width = config.decoder.cells, config.decoder.word_embedding
    per_token = 2 * (4 * units * (width + units) + units * VOCAB_SIZE)
    per_caption = 2 * NUM_CONCEPTS * units
    return 3 * (tokens * per_token + batch_size * per_caption)


def matrix_rate(dtype: tf.DType, secs: float = 1.0) -> float:
    """Returns this machine's operations a second in products of the output layer's size."""
    a = tf.cast(tf.random.normal((384, 512)), dtype)
    b = tf.cast(tf.random.normal((512, VOCAB_SIZE)), dtype)
    multiply = tf.function(tf.linalg.matmul)
    multiply(a, b)
    rates, started = [], time.perf_counter()
    while time.perf_counter() - started < secs:
        before = time.perf_counter()
        multiply(a, b).numpy()
        rates.append(2 * 384 * 512 * VOCAB_SIZE / (time.perf_counter() - before))
    return statistics.median(rates)


def run(rounds: int = 5, steps: int = 12) -> list[dict[str, float | str]]:
    """Times the ways in turns.

    Args:
      rounds: timed rounds of each way, after one that is not counted.
      steps: steps a round.

    Returns:
      A row a way: name, median milliseconds a step, times the plain way, the same of processor
      time, GFLOP/s of the products that no way can avoid, and their share of the measured
      matrix-product rate.
    """
    config = experiments.get(EXPERIMENT)
    size = config.relational.batch_size
    words = captions()
    shuffled, bucketed = batches(words, size, False), batches(words, size, True)
    half = dataclasses.replace(config, precision="mixed_bfloat16")
    ways = {
        "plain Keras": (plain_step(config), shuffled),
        "ours, float32": (our_step(config), bucketed),
        "ours, mixed_bfloat16": (our_step(half), bucketed),
    }
    secs: dict[str, list[float]] = {name: [] for name in ways}
    cpu_secs: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, (step, made) in ways.items():
            chosen = [made[(number * steps + i) % len(made)] for i in range(steps)]
            before, cpu_before = time.perf_counter(), time.process_time()
            for tensors in chosen:
                step(tensors)
            if number:
                secs[name].append((time.perf_counter() - before) / steps)
                cpu_secs[name].append((time.process_time() - cpu_before) / steps)
    operations = floating_operations(config, words, size)
    rates = {False: matrix_rate(tf.float32), True: matrix_rate(tf.bfloat16)}
    plain = statistics.median(secs["plain Keras"])
    cpu = {name: statistics.median(values) for name, values in cpu_secs.items()}
    return [
        {
            "way": name,
            "ms": 1e3 * statistics.median(values),
            "times_plain": plain / statistics.median(values),
            "cpu_ms": 1e3 * cpu[name],
            "times_plain_cpu": cpu["plain Keras"] / cpu[name],
            "gflops": operations / statistics.median(values) / 1e9,
            "share": operations / statistics.median(values) / rates["bfloat16" in name],
        }
        for name, values in secs.items()
    ]


def main() -> None:
    """Prints the table."""
    for row in run():
        print(
            f"train  {row['way']:<22s} {row['ms']:8.1f} ms a step {row['times_plain']:6.2f} x "
            f"{row['cpu_ms']:8.1f} ms of processors {row['times_plain_cpu']:6.2f} x "
            f"{row['gflops']:8.1f} GFLOP/s {row['share']:6.1%} of the matrix-product rate"
        )
