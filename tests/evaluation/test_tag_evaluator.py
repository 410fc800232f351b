"""Label lists of a toy run: what a validation computes of them, and what is compared beside it."""

import dataclasses

import numpy as np
import pytest

from semreg_tf.data.targets import encode_annotations
from semreg_tf.decoding.combined_labels import combined_scores
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.tag_evaluator import TagEvaluator


@pytest.fixture(scope="module")
def run(tag_run, demo_data):
    return EvaluatedRun(tag_run, demo_data, ["decoding.fixed_lengths=[2]"])


def test_a_validation_scores_the_decoders_own_labels_as_a_comparison_does(run, monkeypatch):
    split = run.split("test")
    whole = TagEvaluator().run(run, split)
    assert {"ours", "ours, exactly 2", "CNN top 2", "CNN cut at 0.5"} < set(whole.scores)
    # Nothing else is read: neither the validation split nor the CNN's concepts.
    for name in ("split", "concept_probabilities", "label_scores"):
        monkeypatch.setattr(run, name, None)
    quick = TagEvaluator(compares=False).run(run, split)
    assert quick.scores == {"ours": whole.scores["ours"]} == {"ours": whole.main}
    assert quick.intervals() == {"ours": whole.intervals()["ours"]}
    rows = list(quick.rows())
    assert [row["scores"] for row in rows] == [row["scores"] for row in whole.rows()]
    assert all(row["cnn"] == {} for row in rows)


def test_a_cnn_of_its_own_is_cut_in_place_of_the_models_concepts(run, tag_run, demo_data):
    split = run.split("test")
    cnn = EvaluatedRun(tag_run, demo_data)
    for variable in cnn.ensemble.members[0].head.trainable_variables:
        variable.assign(-variable)
    own, other = (TagEvaluator(cnn=x).run(run, split) for x in (None, cnn))
    assert own.main == other.main
    assert own.scores["CNN top 2"] != other.scores["CNN top 2"]
    assert own.scores["ours, exactly 2"] == other.scores["ours, exactly 2"]


def test_lists_of_a_model_without_supervised_concepts_are_filled_up_by_its_decoder(
    run, monkeypatch
):
    # 99 labels are more than there are.
    config = dataclasses.replace(
        run.config,
        stages=("joint",),
        concepts=dataclasses.replace(run.config.concepts, supervised=False),
        decoding=dataclasses.replace(run.config.decoding, fixed_lengths=(2, 99), combine=True),
    )
    monkeypatch.setattr(run, "config", config)
    split = run.split("test")
    evaluation = TagEvaluator().run(run, split)
    number = len(split.vocabularies.concepts)
    assert list(evaluation.scores) == ["ours", "ours, exactly 2", f"ours, exactly {number}"]
    own = scoring.sequence_labels(run.predict(split), split)
    two = scoring.fixed_length_labels(own, run.label_scores(split), 2)
    assert evaluation.scores["ours, exactly 2"] == scoring.tag_scores(split, two, None)
    assert (two.sum(1) == 2).all()


def test_combined_labels_are_ranked_and_filled_up_by_both_parts_and_cut_as_an_export_lists_them(
    run, monkeypatch
):
    decoding = {"method": "combined", "combine_threshold": 0.05, "combine_weight": 1.0}
    decoding = dataclasses.replace(
        run.config.decoding, fixed_lengths=(2,), combine=True, max_steps=2, **decoding
    )
    monkeypatch.setattr(run, "config", dataclasses.replace(run.config, decoding=decoding))

    def both_of(split):
        parts = run.concept_probabilities(split), run.label_scores(split)
        return combined_scores(*parts, decoding.combine_weight)

    split, validation = run.split("test"), run.split("validation")
    searched, label_scores = [], run.label_scores
    with monkeypatch.context() as patch:
        patch.setattr(run, "label_scores", lambda s: searched.append(s.name) or label_scores(s))
        scores = TagEvaluator().run(run, split).scores
    assert sorted(searched) == ["test", "validation"]
    both = both_of(split)
    assert scores["ours"]["mAP"] == scoring.mean_average_precision(split, both)
    assert scores["ours"]["mAP"] != scores["CNN top 2"]["mAP"]
    two = scoring.top_k_labels(both, 2)
    assert scores["ours, exactly 2"] == scoring.tag_scores(split, two, both)
    (cut,) = [x for name, x in scores.items() if name.startswith("ours with the CNN, cut at")]
    threshold, _ = scoring.threshold_of(validation, both_of(validation))
    assert cut == scoring.tag_scores(split, two & (both >= threshold), both)


def test_the_scores_that_choose_a_threshold_have_the_precision_of_those_that_are_cut(
    run, monkeypatch
):
    split = run.split("test")
    exact = run.label_scores(split)
    decoding = dataclasses.replace(run.config.decoding, bfloat16_output=True)
    monkeypatch.setattr(run, "config", dataclasses.replace(run.config, decoding=decoding))
    rounded = run.label_scores(split)
    assert (rounded != exact).any()
    np.testing.assert_allclose(rounded, exact, atol=0.02)


def test_pictures_whose_labels_are_unknown_are_left_out_of_scores_and_counted(run):
    split = run.split("test")
    whole = TagEvaluator().run(run, split)
    kept = [
        a if i < 5 else dataclasses.replace(a, labels=()) for i, a in enumerate(split.annotations)
    ]
    data = dataclasses.replace(run.config.data, without_labels="unknown")
    encoded = encode_annotations(kept, split.vocabularies, data)
    few = dataclasses.replace(split, annotations=kept, encoded=encoded)
    found = TagEvaluator().run(run, few)
    assert found.main["num_images"] == 5 and found.main["num_unlabelled_images"] == 0
    left_out = f"{split.num_images - 5} images have no labels and are left out of every score"
    assert left_out in found.warnings
    rows, before = list(found.rows()), list(whole.rows())
    assert [row["scores"] for row in rows[:5]] == [row["scores"] for row in before[:5]]
    nothing = {"precision": None, "recall": None, "F1": None}
    assert all(row["scores"] == nothing for row in rows[5:])
