"""Each concept is told by its word's id, by name and not by place."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.concept_words import set_concept_words
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

WORDS = tuple("abcdefghijkl")


def vocabularies(*concepts):
    counts = tuple(range(len(WORDS), 0, -1))
    output = Vocabulary(NameList(WORDS, counts), "words")
    return Vocabularies(output, NameList(concepts, (1,) * len(concepts)))


def test_concepts_are_matched_with_words_by_name(toy, caplog):
    names = vocabularies(*"badcfehglkji"[:11], "zebra")
    annotator = Annotator(toy(experiments.get("demo_captions/att")), 12, 14, feature_size=8)
    with caplog.at_level(logging.WARNING):
        set_concept_words(annotator, names)
    ids = np.asarray(annotator.decoder.conditionings[1].word_ids)
    assert ids.tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 11, 10, 9, 12]
    assert "1 of 12 concepts are not in the vocabulary" in caplog.text


@pytest.fixture(scope="module")
def run(toy, demo_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attributes")
    config = toy(experiments.get("demo_captions/att"))
    Trainer(config, "unary", demo_data, folder / "unary").train()
    Trainer(
        config, "joint", demo_data, folder / "joint", TrainerOptions(unary=folder / "unary")
    ).train()
    return folder / "joint"


@pytest.mark.large
def test_a_checkpoint_carries_the_words(run, demo_data):
    evaluator = EvaluatedRun(run, demo_data)
    names = evaluator.vocabularies
    ids = np.asarray(evaluator.ensemble.members[0].decoder.conditionings[1].word_ids)
    assert [names.output.names[i] for i in ids] == list(names.concepts.names)


@pytest.mark.large
def test_attributes_are_predicted_at_test_and_the_true_ones_are_refused(run, demo_data):
    """The public re-implementation's trap: ground-truth attributes at test."""
    message = "`true_concepts` may be True only where the decoder reads concepts alone"
    with pytest.raises(ValueError, match=message):
        EvaluatedRun(run, demo_data, true_concepts=True)
    evaluator = EvaluatedRun(run, demo_data)
    (inputs,) = evaluator.inputs(evaluator.split("test"))
    assert set(inputs.keys) == {"image", "image_id"}
    annotator = evaluator.ensemble.members[0]
    images = tf.random.stateless_normal((2, 32, 32, 3), (0, 1))
    read = []
    for concepts in (tf.zeros((2, 12)), tf.ones((2, 12))):
        outputs = annotator.encode({"image": images, "concepts": concepts})
        read.append(annotator.decoder.prepare(outputs)[1]["attributes"])
        best = tf.math.top_k(outputs["concept_probabilities"], 10).indices.numpy()
        ids = np.asarray(annotator.decoder.conditionings[1].word_ids)[best]
        np.testing.assert_array_equal(read[-1], np.asarray(annotator.decoder.embedding)[ids])
    np.testing.assert_array_equal(*read)
