"""What of a run's config a study compares with the system that the run is of."""

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.training.stage_settings import (
    changed_after_training,
    check_trained,
    differing_settings,
)

DEMO = experiments.get("demo_captions/s_cnn_rnn")


def changed(*overrides, base=DEMO):
    return config_io.apply_overrides(base, overrides)


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        ("unary", "unary.steps=7"),
        ("unary", "encoder.name=efficientnet_lite0"),
        ("unary", "image.resize_ratio=2.5"),
        ("relational", "relational.steps=7"),
        ("relational", "decoder.label_smoothing=0.1"),
        ("joint", "joint.steps=7"),
        ("joint", "data.num_concepts=7"),
        ("joint", "conditionings.0.stop_gradient=true"),
    ],
)
def test_a_field_that_the_stage_reads_is_compared(stage, field):
    assert list(differing_settings(changed(field), DEMO, stage)) == [field.partition("=")[0]]


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        ("unary", "joint.steps=7"),
        ("unary", "conditionings.0.stop_gradient=true"),
        ("relational", "unary.steps=7"),
        ("relational", "encoder.name=efficientnet_lite0"),
        ("joint", "relational.steps=7"),
        ("joint", "decoding.beam_width=7"),
        ("joint", "deterministic=false"),
        ("joint", "joint.reward_rate=0.5"),
    ],
)
def test_a_field_that_the_stage_does_not_read_is_not(stage, field):
    assert differing_settings(changed(field), DEMO, stage) == {}


def test_a_relational_stage_on_features_reads_the_cnn():
    features = config_io.apply_overrides(
        experiments.get("demo_captions/nic_deeply"), ['stages=["relational", "joint"]']
    )
    other = changed("encoder.name=efficientnet_lite0", base=features)
    assert list(differing_settings(other, features, "relational")) == ["encoder.name"]


def test_what_a_run_resolves_itself_is_as_it_was_asked_for():
    placeholder, path = (f"relational.extra_captions={x}" for x in ("$EXTRA", "a/b.token"))
    for asked, trained in (
        ("precision=auto", "precision=mixed_bfloat16"),
        ("joint.steps=null", "joint.steps=200"),
        ("encoder.weights=imagenet", "encoder.weights=a/lite0.h5"),
        (placeholder, path),
    ):
        stage = "relational" if asked == placeholder else "joint"
        assert differing_settings(changed(asked), changed(trained), stage) == {}
    assert differing_settings(changed("precision=float32"), changed("precision=auto"), "joint")
    assert differing_settings(changed(placeholder), DEMO, "relational")
    assert differing_settings(changed("encoder.weights=null"), Config(), "unary")


def test_fields_that_a_run_of_an_earlier_version_lacks_had_their_default(tmp_path):
    values = config_io.to_dict(DEMO)
    del values["joint"]["reward_steps"], values["image"]["test_views"]
    trained = config_io.from_dict(values)
    assert differing_settings(DEMO, trained, "joint") == {}
    asked = changed("joint.reward_steps=9")
    config_io.save(trained, str(tmp_path / "config.json"), stage="joint")
    check_trained(tmp_path, DEMO, "joint")
    with pytest.raises(ValueError, match=r"`out` .* not trained with joint.reward_steps=9. Remove"):
        check_trained(tmp_path, asked, "joint")


def test_a_decoding_that_was_changed_after_training_is_what_an_evaluation_is_told(tmp_path):
    config_io.save(DEMO, str(tmp_path / "config.json"), stage="joint")
    assert changed_after_training(tmp_path, DEMO) == []
    overrides = ["decoding.fixed_lengths=[3, 5]", "decoding.block_repeats=true"]
    overrides += ["image.test_views=2", 'reranking.similarity="bleu"']
    asked = changed("joint.steps=7", *overrides)
    told = changed_after_training(tmp_path, asked)
    assert sorted(told) == sorted(overrides)
    evaluated = config_io.apply_overrides(DEMO, told)
    assert (evaluated.decoding, evaluated.reranking) == (asked.decoding, asked.reranking)


def test_the_labels_of_a_run_on_captions_and_labels_have_a_decoding_of_their_own(tmp_path):
    both = experiments.get("demo_both/s_cnn_rnn")
    config_io.save(both, str(tmp_path / "config.json"), stage="joint")
    asked = changed("labels.decoding.max_steps=4", "decoding.beam_width=7", base=both)
    assert changed_after_training(tmp_path, asked) == ["decoding.beam_width=7"]
    assert changed_after_training(tmp_path, asked, "tags") == ["decoding.max_steps=4"]
