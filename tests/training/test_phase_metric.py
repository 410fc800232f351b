"""The figure that chooses a phase's best checkpoint: free-running, of what the phase trains."""

from types import SimpleNamespace

import numpy as np
import pytest

from semreg_tf import experiments
from semreg_tf.config import DataConfig
from semreg_tf.data import batch
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.input_pipeline import Inputs, load_split
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import find_builder
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.phase_metric import concept_metric, sequence_metric

LABELS = NameList(("sky", "sea", "dog"), (9, 5, 2))
PROBABILITIES = np.array([[0.5, 0.49, 0.9], [0.2, 0.2, 0.1]], np.float32)


@pytest.fixture
def split():
    """Two images: sky and dog; sea."""
    annotations = [
        Annotation("0", "0.jpg", labels=("sky", "dog")),
        Annotation("1", "1.jpg", labels=("sea",)),
    ]
    vocabularies = Vocabularies(Vocabulary(LABELS, "labels"), LABELS)
    encoded = encode_annotations(annotations, vocabularies, DataConfig(task="tags"))
    return SimpleNamespace(annotations=annotations, encoded=encoded, vocabularies=vocabularies)


def test_checkpoints_are_chosen_by_what_runs_freely(split):
    found = [[["dog", "sky"]], [["sea"]]]
    predictions = Predictions(["0", "1"], found, [[0.0], [0.0]], PROBABILITIES)
    metric = sequence_metric("tags")
    assert (metric.name, metric.score(predictions, split)) == ("O-F1", 1.0)
    metric = concept_metric("tags")
    # At 0.2 the CNN says all of the first image, and sky and sea of the second.
    precision, recall = np.mean([2 / 3, 1 / 2]), 1.0
    at_twenty = 2 * precision * recall / (precision + recall)
    # At 0.5 it is right on the first and silent on the second.
    best = pytest.approx(max(at_twenty, 0.5))
    assert (metric.name, metric.score(predictions, split)) == ("O-F1", best)
    metric = concept_metric("captions")
    # Sky ranks first of its class, dog too; of the class sea the other image ranks higher.
    expected = pytest.approx((1 + 1 + 1 / 2) / 3)
    assert (metric.name, metric.score(predictions, split)) == ("mAP", expected)


def test_a_metric_of_a_part_measures_another_quantity():
    quantities = {concept_metric("tags", part).quantity for part in ("image", "tags", "all")}
    assert len(quantities) == 3


def test_each_part_is_judged_by_its_own_probabilities(toy, demo_data):
    config = toy(experiments.get("demo_tags/s_cnn_rnn_tag1k_fix"))
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size, 4)
    split = load_split(builder, "validation", vocabularies, config.data)
    features = np.random.default_rng(0).normal(size=(split.num_images, 1, 4)).astype("f")
    keys = (batch.FEATURES, batch.USER_TAGS, batch.IMAGE_ID)
    inputs = Inputs(split, keys, features=features)
    logits = {}
    for part in ("image", "tags", "all"):
        predictions = concept_metric("tags", part).predict(annotator, inputs, config.decoding)
        assert predictions.image_ids == [a.image_id for a in split.annotations]
        assert not predictions.sequences
        p = predictions.concept_probabilities
        logits[part] = np.log(p) - np.log1p(-p)
    assert np.abs(logits["image"] - logits["tags"]).max() > 0.1
    # Fused by the sum of the logits.
    np.testing.assert_allclose(logits["image"] + logits["tags"], logits["all"], atol=1e-4)
    # The user tags alone need no picture.
    inputs = Inputs(split, (batch.USER_TAGS, batch.IMAGE_ID))
    alone = concept_metric("tags", "tags").predict(annotator, inputs, config.decoding)
    p = alone.concept_probabilities
    np.testing.assert_allclose(np.log(p) - np.log1p(-p), logits["tags"], atol=1e-5)
