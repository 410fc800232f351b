"""Learning curves of a study: steps and minutes of earlier stages stand in front."""

import copy

import pytest

from semreg_tf.reporting import study_curves

RECORD = {
    "system": "ours",
    "stages": {
        "unary": {"steps": 10, "metric": "mAP", "history": [{"step": 10, "elapsed_secs": 60.0}]},
        "joint": {
            "steps": 20,
            "metric": "CIDEr",
            "history": [
                {"step": 10, "elapsed_secs": 30.0, "CIDEr": 0.4},
                {"step": 20, "elapsed_secs": 60.0, "CIDEr": 0.5},
            ],
        },
    },
}


def test_curves_add_the_earlier_stages_in_front():
    (line,) = study_curves.validation_lines([RECORD], "CIDEr")
    assert line.steps == [20, 30]
    assert line.minutes == pytest.approx([1.5, 2.0])
    assert line.values == [0.4, 0.5]
    assert study_curves.validation_lines([RECORD], "O-F1") == []


def test_steps_on_cached_features_are_no_steps_on_images():
    record = copy.deepcopy(RECORD)
    record["stages"]["unary"]["cached_steps"] = 7
    (line,) = study_curves.validation_lines([record], "CIDEr")
    assert line.steps == [13, 23]


def test_steps_of_the_joint_stage_on_cached_features_are_no_steps_on_images():
    record = copy.deepcopy(RECORD)
    joint = record["stages"]["joint"]
    joint |= {"steps": 20, "cached_steps": 13, "cached_first": 5}
    first, last = joint["history"]
    joint["history"] = [{**first, "step": 4}, first, last]
    (line,) = study_curves.validation_lines([record], "CIDEr")
    # 5 steps of the decoder, 7 on images, 8 on rewards.
    assert line.steps == [10, 15, 17]


def test_curves_are_written_as_svg_and_are_the_same_each_time(tmp_path):
    (path,) = study_curves.write_curves([RECORD], tmp_path)
    assert path.name == "curves_CIDEr.svg"
    first = path.read_bytes()
    assert first.lstrip().startswith(b"<?xml")
    study_curves.write_curves([RECORD], tmp_path)
    assert path.read_bytes() == first


def test_systems_of_one_seed_have_a_picture_of_their_own_beside_those_of_several(tmp_path):
    other = {**copy.deepcopy(RECORD), "system": "theirs"}
    stopped_early = copy.deepcopy(RECORD)
    del stopped_early["stages"]["joint"]["history"][1]
    paths = study_curves.write_curves([RECORD, stopped_early, other], tmp_path)
    assert [p.name for p in paths] == ["curves_CIDEr.svg", "curves_CIDEr_one_seed.svg"]
    both, once = (p.read_text(encoding="utf-8") for p in paths)
    assert "ours (2)" in both and "theirs" not in both
    assert "theirs" in once and "ours" not in once
