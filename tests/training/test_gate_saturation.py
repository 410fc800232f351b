"""Gates against eq. (2) in NumPy."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.gate_saturation import gate_values, saturation

CONCEPTS, VOCAB = 5, 9


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_gates(decoder, concepts, ids, mask):
    table, inner = np.asarray(decoder.embedding), decoder.cell.cell
    if decoder.second_embedding is not None:
        table = table @ np.asarray(decoder.second_embedding.kernel) + decoder.second_embedding.bias
    kernel, recurrent, bias = (np.asarray(w) for w in inner.get_weights())
    memory_kernel = getattr(decoder.cell, "memory_kernel", None)
    (initial,) = decoder.conditionings[0].maps
    h = concepts @ np.asarray(initial.kernel) + np.asarray(initial.bias)
    c, found = np.zeros_like(h), {"input": [], "forget": [], "output": []}
    for t in range(ids.shape[1]):
        z = table[ids[:, t]] @ kernel + bias + h @ recurrent
        z += 0 if memory_kernel is None else c @ np.asarray(memory_kernel)
        i, f, g, o = np.split(z, 4, axis=1)
        for name, gate in (("input", i), ("forget", f), ("output", o)):
            found[name].append(sigmoid(gate)[mask[:, t]])
        c = sigmoid(f) * c + sigmoid(i) * np.maximum(g, 0)
        h = sigmoid(o) * np.maximum(c, 0)
    return {name: np.concatenate(values) for name, values in found.items()}


# With a second embedding as wide as the first, the wrong table would be read silently.
@pytest.mark.parametrize(
    ("cell", "second"), [("lstm", None), ("peephole_lstm", None), ("lstm", 8), ("lstm", 5)]
)
def test_gates_equal_the_equation(cell, second, toy):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    decoder = dataclasses.replace(
        config.decoder, cell=cell, initializer_range=1.0, second_embedding=second
    )
    config = dataclasses.replace(config, decoder=decoder)
    annotator = Annotator(config, CONCEPTS, VOCAB, feature_size=3)
    rng = np.random.default_rng(0)
    concepts = rng.integers(0, 2, (4, CONCEPTS)).astype("f")
    ids = rng.integers(0, VOCAB, (4, 2, 6)).astype("int32")
    mask = np.arange(6) < rng.integers(2, 7, (4, 2, 1))
    tensors = {
        batch.CONCEPTS: tf.constant(concepts),
        batch.INPUT_IDS: tf.constant(ids),
        batch.PADDING_MASK: tf.constant(mask),
    }
    ours = gate_values(annotator, tensors)
    theirs = numpy_gates(annotator.decoder, concepts, ids[:, 0], mask[:, 0])
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_shares_are_of_values_below_and_above():
    shares = saturation({"forget": np.array([[0.05, 0.5], [0.95, 0.99]])})
    assert shares == {"gates/forget_below_0.1": 0.25, "gates/forget_above_0.9": 0.5}


def test_without_a_decoder_there_are_no_gates(toy):
    config = toy(experiments.get("demo_tags/cnn_logistic"))
    assert config.decoder is None
    assert gate_values(Annotator(config, CONCEPTS, VOCAB, feature_size=3), {}) == {}
