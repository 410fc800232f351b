"""The runner of studies where records and runs are of other settings than the study's."""

import dataclasses
import json

import pytest
from absl.testing import flagsaver

from semreg_tf.experiments import studies
from tests.train.conftest import DETACHED, OURS
from train import run_study


def study_of(monkeypatch, *systems, name="two", **fields):
    jobs = tuple(studies.Job(system, 0) for system in systems)
    study = studies.Study(name, jobs, "Little.", **fields)
    monkeypatch.setitem(studies.STUDIES, name, lambda: study)


def refused(capsys):
    capsys.readouterr()
    with pytest.raises(SystemExit):
        run_study.main([])
    return capsys.readouterr().err


def at_rate(rate, system=OURS):
    return dataclasses.replace(system, overrides=(f"joint.learning_rate={rate}",))


def test_a_run_of_other_settings_is_not_given_the_name_of_a_changed_system(
    ran, monkeypatch, capsys
):
    commands, records = ran
    study_of(monkeypatch, at_rate("1e-3"))
    run_study.main([])
    (records / "ours-seed0.json").unlink()
    study_of(monkeypatch, at_rate("7e-3"))
    commands.clear()
    error = refused(capsys)
    assert error.count("\n") == 1
    assert "its joint stage was not trained with joint.learning_rate=0.007. Remove the f" in error
    assert "ours/seed0/joint'" in error
    assert commands == [] and not list(records.iterdir())


def test_a_run_that_a_flag_changed_needs_the_flag_again(ran, monkeypatch, capsys):
    _, records = ran
    study_of(monkeypatch, OURS)
    with flagsaver.flagsaver(config=["unary.learning_rate=0.5", "deterministic=false"]):
        run_study.main([])
        (records / "ours-seed0.json").unlink()
        run_study.main([])
    (records / "ours-seed0.json").unlink()
    assert "its unary stage was not trained with unary.learning_rate=0.0" in refused(capsys)
    # The machine's wishes do not change what is trained.
    with flagsaver.flagsaver(config=["unary.learning_rate=0.5"]):
        run_study.main([])
    assert (records / "ours-seed0.json").exists()


def test_another_cnn_needs_another_folder(ran, monkeypatch, capsys):
    with_cnn = dataclasses.replace(OURS, encoder="efficientnet_lite0")
    study = studies.Study("two_lite0", (studies.Job(with_cnn, 0),), "Little.")
    monkeypatch.setitem(studies.ENCODER_STUDIES, "two", lambda encoder: study)
    run_study.main([])
    with flagsaver.flagsaver(encoder="efficientnet_lite0"):
        assert "not trained with encoder.name='efficientnet_lite0'" in refused(capsys)


def test_a_taken_stage_is_as_the_system_itself_would_train_it(ran, monkeypatch, capsys):
    commands, _ = ran
    other = dataclasses.replace(DETACHED, overrides=("unary.learning_rate=0.5",))
    study_of(monkeypatch, OURS, other)
    assert "its unary stage was not trained with unary.learning_rate=0.5" in refused(capsys)
    assert not any("detached" in command for command in commands)


def test_flags_change_the_stages_that_a_job_has(ran, monkeypatch):
    commands, records = ran
    study_of(monkeypatch, OURS)
    with flagsaver.flagsaver(config=['stages=["unary", "joint"]']):
        run_study.main([])
    trained = [c.split()[0] for c in commands if c.startswith("train.")]
    assert trained == ["train.train_unary", "train.train_joint"]
    assert list(json.loads((records / "ours-seed0.json").read_text())["stages"]) == [
        "unary",
        "joint",
    ]


def test_a_stage_is_taken_from_the_system_that_trained_it(ran, monkeypatch):
    commands, _ = ran
    middle = dataclasses.replace(OURS, name="middle", reused_stages=(("unary", "ours"),))
    last = dataclasses.replace(OURS, name="last", reused_stages=(("unary", "middle"),))
    head = studies.System("head", "demo_captions/nic_f", starts_from=("unary", "middle"))
    study_of(monkeypatch, OURS, middle, last, head)
    run_study.main([])
    trained = [c for c in commands if c.startswith("train.")]
    assert sum(c.startswith("train.train_unary") for c in trained) == 1
    assert next(c for c in trained if "/head/" in c).endswith("/ours/seed0/unary")
    # Across studies too.
    study_of(monkeypatch, last, name="later", after="two")
    commands.clear()
    with flagsaver.flagsaver(study="later"):
        run_study.main([])
    assert [c.split()[0] for c in commands] == ["eval.evaluate_captions"]


@pytest.mark.parametrize("again", [False, True])
def test_a_record_of_other_settings_is_not_done_before(ran, monkeypatch, capsys, again):
    commands, records = ran
    study_of(monkeypatch, at_rate("1e-3"), at_rate("1e-3", DETACHED))
    run_study.main([])
    before = (records / "ours-seed0.json").read_bytes()
    study_of(monkeypatch, at_rate("7e-3"), at_rate("0.001", DETACHED))
    commands.clear()
    capsys.readouterr()
    with flagsaver.flagsaver(evaluate_again=again):
        run_study.main([])
    said = capsys.readouterr().out
    assert "ours, seed 0: skipped, its record " in said
    assert "is of other settings (joint.learning_rate); delete the record to" in said
    # Whether this code is committed decides what is evaluated again.
    assert again or "detached, seed 0: done before" in said
    assert (records / "ours-seed0.json").read_bytes() == before
    assert not any(c.startswith("train.") or "/ours/seed0/joint" in c for c in commands)


def test_a_flag_that_a_record_lacks_is_asked_for(ran, monkeypatch, capsys):
    study_of(monkeypatch, OURS)
    run_study.main([])
    for flag, said in (
        ("joint.learning_rate=0.5", "is of other settings (joint.learning_rate)"),
        ("deterministic=false", "done before"),
    ):
        with flagsaver.flagsaver(config=[flag]):
            run_study.main([])
        assert said in capsys.readouterr().out


def test_the_file_of_the_cnns_weights_may_lie_elsewhere(ran, monkeypatch, capsys):
    _, records = ran
    study_of(monkeypatch, OURS)
    for path in ("a/cnn.h5", "b/cnn.h5"):
        with flagsaver.flagsaver(weights=path):
            run_study.main([])
        (records / "ours-seed0.json").unlink()
    # This system's CNN has random weights unless a file is given.
    assert "unary stage was not trained with encoder.weights=None" in refused(capsys)
