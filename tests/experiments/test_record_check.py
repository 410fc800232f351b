"""Records of a study that has been changed since."""

import dataclasses

import pytest

from semreg_tf.experiments import studies
from semreg_tf.experiments.record_check import stale_fields

SYSTEM = studies.System(
    "a",
    "demo_tags/s_cnn_rnn",
    ("joint.learning_rate=2e-3", "precision=auto", "data.purpose=search"),
    reused_stages=(("unary", "b"),),
    encoder="efficientnet_lite0",
    starts_from=("joint", "b"),
)
RECORD = {
    "experiment": "demo_tags/s_cnn_rnn",
    "encoder": "efficientnet_lite0",
    "overrides": ["deterministic=false", "joint.learning_rate=0.002"],
    "starts_from": ["joint", "b"],
    "stages": {"unary": {"taken_from": "b"}, "joint": {}},
}


def test_a_record_of_the_system_is_its_own_whatever_flags_were_given():
    assert stale_fields(RECORD, SYSTEM) == []
    assert stale_fields(RECORD, SYSTEM, ["deterministic=true"]) == []
    # Records of earlier versions do not tell.
    early = {name: value for name, value in RECORD.items() if name != "starts_from"}
    assert stale_fields(early, SYSTEM) == []
    # Only those with another CNN than the experiment's tell it.
    del early["encoder"]
    assert stale_fields(early, SYSTEM) == ["encoder"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"experiment": "demo_tags/ria"}, "experiment"),
        ({"encoder": None}, "encoder"),
        ({"starts_from": None}, "starts_from"),
        ({"members": (("a", 0),)}, "members"),
        ({"overrides": ("joint.learning_rate=1e-3",)}, "joint.learning_rate"),
        ({"overrides": ("joint.steps=7",)}, "joint.steps"),
        ({"reused_stages": ()}, "unary"),
    ],
)
def test_what_the_study_says_otherwise_is_named(change, field):
    assert stale_fields(RECORD, dataclasses.replace(SYSTEM, **change)) == [field]


@pytest.mark.parametrize(
    ("override", "is_told"),
    [
        ("joint.steps=2", True),
        ("conditionings.0.stop_gradient=true", True),
        ("conditionings.9.stop_gradient=true", True),
        ("gone.field=1", True),
        # What the system has anyway, in other words; and what changes no score.
        ("data.task=tags", False),
        ("jit_compile=true", False),
        ("precision=auto", False),
    ],
)
def test_a_record_with_settings_of_its_own_is_not_taken_for_the_systems(override, is_told):
    record = {**RECORD, "overrides": [*RECORD["overrides"], override]}
    field = override.partition("=")[0]
    assert stale_fields(record, SYSTEM) == [field] * is_told


def test_the_last_override_of_a_field_counts():
    record = {**RECORD, "overrides": [*RECORD["overrides"], "joint.learning_rate=1"]}
    assert stale_fields(record, SYSTEM) == ["joint.learning_rate"]
    assert stale_fields(record, SYSTEM, ["joint.learning_rate=1"]) == []
