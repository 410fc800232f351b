"""Perplexity against NumPy: log2 PPL = -(1/L) sum log2 P."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import config_io, experiments
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training.likelihood import caption_perplexity


@pytest.mark.parametrize("batch_size", [3, 64])
def test_perplexity_is_the_formula(batch_size, toy, demo_data):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    config = config_io.apply_overrides(config, ["data.max_vocab_size=15"])
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    split = load_split(builder, "test", vocabularies, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size, 4)
    inputs = Inputs(split, (batch.CONCEPTS, *batch.SEQUENCE_KEYS, batch.IMAGE_ID))
    found = caption_perplexity(Ensemble([annotator]), [inputs], vocabularies, batch_size)
    bits, known_bits, unknown = [], [], vocabularies.output.unknown_id
    for tensors in evaluation_batches(inputs, 4):
        outputs = {"concept_probabilities": tensors[batch.CONCEPTS]}
        logits = annotator.decoder(outputs, tensors[batch.INPUT_IDS])
        log_p = tf.nn.log_softmax(logits).numpy() / np.log(2)
        targets = tensors[batch.TARGET_IDS].numpy()
        own = np.take_along_axis(log_p, targets[..., None], -1)[..., 0]
        mask = tensors[batch.PADDING_MASK].numpy()
        bits += own[mask].tolist()
        known_bits += own[mask & (targets != unknown)].tolist()
    assert found["num_tokens"] == len(bits)
    np.testing.assert_allclose(found["perplexity"], 2 ** -np.mean(bits), rtol=1e-4)
    np.testing.assert_allclose(
        found["perplexity_without_unknown"], 2 ** -np.mean(known_bits), rtol=1e-4
    )
    assert 0 < found["unknown_rate"] < 1
    np.testing.assert_allclose(found["unknown_rate"], 1 - len(known_bits) / len(bits))
    assert found["vocabulary_size"] == 15
