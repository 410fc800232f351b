"""Concepts judged by probability: at the best threshold, by mAP, and part by part."""

from types import SimpleNamespace

import numpy as np
import pytest

from semreg_tf import experiments
from semreg_tf.config import DataConfig
from semreg_tf.data import batch
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.input_pipeline import Inputs
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import find_builder
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble


class Told:
    """A model whose probabilities are given: of two images, which show sky and dog, and sea."""

    def __init__(self, probabilities, part):
        names = NameList(("sky", "sea", "dog"), (9, 5, 2))
        self.vocabularies = Vocabularies(Vocabulary(names, "labels"), names)
        self.config = experiments.get("demo_tags/s_cnn_rnn")
        self.probabilities, self.part = np.array(probabilities, np.float32), part

    def split(self):
        annotations = [
            Annotation("0", "0.jpg", labels=("sky", "dog")),
            Annotation("1", "1.jpg", labels=("sea",)),
        ]
        encoded = encode_annotations(annotations, self.vocabularies, DataConfig(task="tags"))
        return SimpleNamespace(
            annotations=annotations, encoded=encoded, vocabularies=self.vocabularies
        )

    def concept_probabilities(self, _, part):
        assert part == self.part
        return self.probabilities


@pytest.mark.parametrize("part", ["all", "tags"])
def test_the_best_threshold_and_the_mean_average_precision(part):
    model = Told([[0.5, 0.49, 0.9], [0.2, 0.2, 0.1]], part)
    found = ConceptEvaluator("O-F1", part).run(model, model.split())
    # At 0.2 the CNN says all of the first image, and sky and sea of the second.
    precision, recall = np.mean([2 / 3, 1 / 2]), 1.0
    at_twenty = 2 * precision * recall / (precision + recall)
    # At 0.5 it is right on the first and silent on the second.
    assert found.main["O-F1"] == pytest.approx(max(at_twenty, 0.5))
    # The lowest of those that give the same labels.
    assert found.main["threshold"] == 0.11
    rows = list(found.rows())
    assert [row["image_id"] for row in rows] == ["0", "1"]
    assert rows[0]["concepts"] == [["dog", 0.9], ["sky", 0.5], ["sea", 0.49]]
    assert rows[0]["n_best"] == []
    # Sky ranks first of its class, dog too; of the class sea the other image ranks higher.
    found = ConceptEvaluator("mAP", part).run(model, model.split())
    assert found.main == {"mAP": pytest.approx((1 + 1 + 1 / 2) / 3)}


def test_each_part_is_judged_by_its_own_probabilities(toy, demo_data):
    config = toy(experiments.get("demo_tags/s_cnn_rnn_tag1k_fix"))
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size, 4)
    keys = [batch.FEATURES, batch.USER_TAGS, batch.IMAGE_ID]

    class Fed(EvaluatedModel):
        shows_progress = False

        def inputs(self, split, *more):
            features = np.random.default_rng(0).normal(size=(split.num_images, 1, 4)).astype("f")
            features = features if batch.FEATURES in keys else None
            return [Inputs(split, (*keys, *more), features=features)]

    model = Fed(config, vocabularies, Ensemble([annotator]), builder)
    split = model.split("validation")

    def logits(part):
        p = model.concept_probabilities(split, part)
        return np.log(p) - np.log1p(-p)

    image, tags, both = map(logits, ("image", "tags", "all"))
    assert np.abs(image - tags).max() > 0.1
    # Fused by the sum of the logits.
    np.testing.assert_allclose(image + tags, both, atol=1e-4)
    # The user tags alone need no picture.
    keys.remove(batch.FEATURES)
    np.testing.assert_allclose(logits("tags"), tags, atol=1e-5)
