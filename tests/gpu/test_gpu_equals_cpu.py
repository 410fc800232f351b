"""What a GPU computes is what the CPU computes: losses, gradients, updates, encoders, searches.

Skipped where TensorFlow sees no GPU. Products are float32 there, without TF32.
"""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from eval.synthetic_batches import caption_batch, training_step, with_encoder
from semreg_tf import experiments
from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.search import Search
from semreg_tf.models.encoder import build_encoder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="needs a GPU"),
]
TOLERANCE = 1e-4
CONCEPTS, WORDS = 40, 120


@pytest.fixture(autouse=True)
def exact_products():
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def without_chance(config):
    """Draws of dropout differ between devices, so there is none; every CNN trains."""
    decoder = dataclasses.replace(config.decoder, input_dropout=0.0, output_dropout=0.0)
    encoder = dataclasses.replace(config.encoder, feature_dropout=0.0, trainable=True)
    return dataclasses.replace(config, decoder=decoder, encoder=encoder)


def trained(device, config, stage, batches):
    """Losses of a few steps, and all weights after them, on one device from the same seed."""
    with tf.device(device):
        keras.utils.set_random_seed(0)
        step, annotator = training_step(config, stage, CONCEPTS, WORDS)
        losses = [float(step(tensors)["loss"]) for tensors in batches]
        weights = {k: np.array(v) for k, v in annotator.all_variables().items() if "seed" not in k}
    return losses, weights


def agreement(found, expected):
    """Where two arrays agree within the tolerance of the largest value."""
    return np.abs(found - expected) <= TOLERANCE * max(np.abs(expected).max(), 1e-3)


def assert_close(found, expected):
    assert agreement(found, expected).all()


@pytest.mark.parametrize(
    ("name", "stage", "changes"),
    [
        ("coco_captions/s_cnn_rnn", "relational", {}),
        ("coco_captions/s_cnn_rnn", "joint", {"encoder": "squeezenet_v1_1"}),
        ("coco_captions/s_cnn_rnn", "joint", {"encoder": "small_cnn"}),
        ("coco_captions/nic_deeply", "joint", {"encoder": "small_cnn"}),
        ("coco_captions/nic", "joint", {"encoder": "small_cnn"}),
        ("coco_captions/mrnn", "joint", {"encoder": "small_cnn"}),
    ],
)
def test_three_steps_of_training(name, stage, changes):
    config = without_chance(experiments.get(name))
    size = None
    if "encoder" in changes:
        config = with_encoder(config, changes["encoder"])
        size = 64
        config = dataclasses.replace(config, image=dataclasses.replace(config.image, size=size))
    batches = [caption_batch(8, 2 if size else 1, size, i, WORDS, CONCEPTS) for i in range(3)]
    cpu_losses, cpu = trained("/CPU:0", config, stage, batches)
    gpu_losses, gpu = trained("/GPU:0", config, stage, batches)
    assert gpu_losses == pytest.approx(cpu_losses, rel=TOLERANCE)
    assert gpu.keys() == cpu.keys()
    # RMSProp divides by the root of the squares: where a gradient is nearly zero, rounding decides
    # its sign and so a step of the rate's size. Of all weights 99 in 100 agree to the tolerance (of
    # 64 biases one may differ alone).
    close = np.concatenate([agreement(gpu[key], cpu[key]).ravel() for key in cpu])
    assert close.mean() > 0.99, {k: agreement(gpu[k], cpu[k]).mean() for k in cpu}


@pytest.mark.parametrize("name", ["inception_v3", "vgg16", "caffenet", "squeezenet_v1_1"])
def test_features_of_an_encoder(name):
    keras.utils.set_random_seed(0)
    config = with_encoder(experiments.get("coco_captions/s_cnn_rnn"), name).encoder
    with tf.device("/CPU:0"):
        encoder = build_encoder(config)
        size = encoder.input["image"].shape[1]
        images = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
        expected = encoder({"image": images}, training=False)["features"].numpy()
        weights = encoder.get_weights()
    with tf.device("/GPU:0"):
        copy = build_encoder(config, name="copy")
        copy.set_weights(weights)
        found = copy({"image": images}, training=False)["features"].numpy()
    assert_close(found, expected)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_searches_give_the_same_words(method):
    config = without_chance(experiments.get("coco_captions/s_cnn_rnn"))
    tensors = caption_batch(16, 1, None, 5, WORDS, CONCEPTS)
    answers = []
    for device in ("/CPU:0", "/GPU:0"):
        with tf.device(device):
            keras.utils.set_random_seed(3)
            _, annotator = training_step(config, "relational", CONCEPTS, WORDS)
            outputs = {"concept_probabilities": tensors["concepts"]}
            found = Search(DecodingConfig(method=method), start_id=WORDS, end_id=WORDS - 1)(
                *annotator.search_start(outputs)
            )
        answers.append((found.token_ids.numpy(), found.scores.numpy()))
    (cpu_ids, cpu_scores), (gpu_ids, gpu_scores) = answers
    np.testing.assert_array_equal(gpu_ids, cpu_ids)
    assert_close(gpu_scores, cpu_scores)
