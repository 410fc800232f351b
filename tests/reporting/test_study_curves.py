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


def test_curves_are_written_as_svg(tmp_path):
    (path,) = study_curves.write_curves([RECORD, RECORD], tmp_path)
    assert path.name == "curves_CIDEr.svg"
    assert path.read_text(encoding="utf-8").lstrip().startswith("<?xml")
