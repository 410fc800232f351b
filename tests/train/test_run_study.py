"""The runner of studies, its binaries replaced by one that leaves what they would leave."""

import dataclasses
import json
import shutil

import pytest
from absl.testing import flagsaver

from semreg_tf.experiments import studies
from semreg_tf.experiments.words_study import EXTRA_CAPTIONS
from semreg_tf.training import workdir
from tests.train.conftest import DETACHED, OURS
from train import run_study, study_job


def test_every_job_leaves_a_record_and_shares_what_it_takes(ran):
    commands, records = ran
    run_study.main([])
    assert sorted(p.name for p in records.iterdir()) == [
        f"{name}-seed{seed}.json" for name in ("detached", "ours") for seed in (0, 1)
    ]
    trained = [c for c in commands if c.startswith("train.")]
    # Three stages of ours, the joint one alone of the control, from two seeds.
    assert len(trained) == 8
    joint = next(c for c in trained if "detached/seed1" in c)
    assert joint.startswith("train.train_joint --experiment=demo_captions/s_cnn_rnn_detached")
    assert "--seed=1" in joint
    assert "/ours/seed1/unary" in joint and "/ours/seed1/relational" in joint
    record = json.loads((records / "detached-seed1.json").read_text())
    assert record["stages"]["unary"]["taken_from"] == "ours"
    assert record["evaluations"]["beam 5"]["captions"]["CIDEr"] == 0.5
    for command in record["commands"]:
        assert " --data_dir=$DATA" in command and "=$OUT/" in command


def test_jobs_with_a_record_are_done_and_finished_stages_are_not_trained_again(ran):
    commands, records = ran
    run_study.main([])
    commands.clear()
    run_study.main([])
    assert commands == []
    for name in ("ours-seed0.json", "detached-seed0.json"):
        listed = json.loads((records / name).read_text())["commands"]
        (records / name).unlink()
        commands.clear()
        run_study.main([])
        assert {c.split()[0] for c in commands} == {"eval.evaluate_captions"}
        # The record still tells how the stages were trained.
        assert json.loads((records / name).read_text())["commands"] == listed


def test_done_jobs_are_evaluated_again_and_keep_what_is_said_of_their_training(
    ran, monkeypatch, capsys
):
    commands, records = ran
    monkeypatch.setattr(workdir, "code_commit", lambda: "abc+changes")
    run_study.main([])
    path = records / "ours-seed0.json"
    first = json.loads(path.read_text())
    other = (records / "ours-seed1.json").read_bytes()
    path.write_text(json.dumps({**first, "cores": 1234, "results": "old"}))
    commands.clear()
    with flagsaver.flagsaver(evaluate_again=True, only=["ours"], seeds=[0]):
        run_study.main([])
    assert [c.split()[0] for c in commands] == ["eval.evaluate_captions"]
    assert json.loads(path.read_text()) == {**first, "cores": 1234}
    assert (records / "ours-seed1.json").read_bytes() == other
    # A commit without changes evaluates once.
    monkeypatch.setattr(workdir, "code_commit", lambda: "abc")
    for expected in (1, 1):
        with flagsaver.flagsaver(evaluate_again=True, only=["ours"], seeds=[0]):
            run_study.main([])
        assert len([c for c in commands if "ours/seed0" in c]) == expected + 1
    # A model that is gone is not trained for it, and its record stays.
    monkeypatch.setattr(workdir, "code_commit", lambda: "def")
    path.write_bytes(b'{"commands": []}')
    shutil.rmtree(records.parents[1] / "runs" / "ours" / "seed0" / "joint")
    commands.clear()
    with flagsaver.flagsaver(evaluate_again=True, only=["ours"], seeds=[0]):
        run_study.main([])
    assert commands == [] and path.read_bytes() == b'{"commands": []}'
    assert "skipped, it needs its trained joint stage" in capsys.readouterr().out
    # Nor is one that has no record yet.
    path.unlink()
    with flagsaver.flagsaver(evaluate_again=True, only=["ours"], seeds=[0]):
        run_study.main([])
    assert commands == [] and not path.exists()
    assert "skipped, it has no record to evaluate again" in capsys.readouterr().out


def test_only_and_seeds_choose_jobs_and_no_job_begins_after_the_time(ran):
    commands, records = ran
    with flagsaver.flagsaver(only=["ours"], seeds=[1]):
        run_study.main([])
    assert [p.name for p in records.iterdir()] == ["ours-seed1.json"]
    commands.clear()
    with flagsaver.flagsaver(max_minutes=0.0):
        run_study.main([])
    assert commands == []


def test_what_a_machine_asks_for_reaches_every_stage_and_the_record(ran):
    commands, records = ran
    with flagsaver.flagsaver(config=["deterministic=false"], only=["ours"], seeds=[1]):
        run_study.main([])
    trained = [c for c in commands if c.startswith("train.")]
    assert trained and all(" --config.deterministic=false" in c for c in trained)
    record = json.loads((records / "ours-seed1.json").read_text())
    assert "deterministic=false" in record["overrides"]


def test_a_decoding_asked_for_later_reaches_the_evaluation_of_finished_stages(ran):
    commands, records = ran
    with flagsaver.flagsaver(only=["ours"], seeds=[1]):
        run_study.main([])
    assert "--config." not in commands[-1]
    (records / "ours-seed1.json").unlink()
    commands.clear()
    with flagsaver.flagsaver(config=["decoding.beam_width=7"], only=["ours"], seeds=[1]):
        run_study.main([])
    (evaluation,) = commands
    assert evaluation.endswith(" --config.decoding.beam_width=7")


def test_a_reranking_asked_for_later_reaches_the_evaluations_that_rerank(ran, monkeypatch):
    commands, records = ran
    reranked = ("reranked", ("--rerank=true",))
    with flagsaver.flagsaver(only=["ours"], seeds=[1]):
        run_study.main([])
    (records / "ours-seed1.json").unlink()
    ours = dataclasses.replace(OURS, evaluations=(reranked, ("again", ())))
    study = studies.Study("two", (studies.Job(ours, 1),), "Little.")
    monkeypatch.setitem(studies.STUDIES, "two", lambda: study)
    commands.clear()
    with flagsaver.flagsaver(config=["reranking.neighbours=9"]):
        run_study.main([])
    assert [" --config.reranking.neighbours=9" in c for c in commands] == [False, True, False]


def test_a_command_that_fails_ends_the_study_in_one_line(ran, monkeypatch, capsys):
    monkeypatch.setattr(study_job.stopping, "run_child", lambda _: 3)
    with pytest.raises(SystemExit):
        run_study.main([])
    assert "failed with exit status 3: python -m train.train_unary" in capsys.readouterr().err


def test_a_study_that_takes_from_another_leaves_what_that_has_not_trained(ran, monkeypatch, capsys):
    jobs = (studies.Job(DETACHED, 0),)
    later = studies.Study("later", jobs, "Little.", after="two")
    monkeypatch.setitem(studies.STUDIES, "later", lambda: later)
    commands, records = ran
    with flagsaver.flagsaver(study="later"):
        run_study.main([])
    said = capsys.readouterr().out
    assert "skipped, it needs the unary stage of 'ours' in " in said
    assert "which the study 'two' trains" in said
    assert commands == []
    with flagsaver.flagsaver(only=["ours"]):
        run_study.main([])
    with flagsaver.flagsaver(study="later"):
        run_study.main([])
    assert (records.parent / "later" / "detached-seed0.json").exists()


def test_captions_without_pictures_are_named_by_a_flag(ran, monkeypatch, capsys):
    more = f"relational.extra_captions={EXTRA_CAPTIONS}"
    system = dataclasses.replace(OURS, name="more", overrides=(more,))
    study = studies.Study("words", (studies.Job(system, 0),), "Little.")
    monkeypatch.setitem(studies.STUDIES, "words", lambda: study)
    commands, records = ran
    with flagsaver.flagsaver(study="words"):
        run_study.main([])
    assert "skipped, it needs the file that --extra_captions names" in capsys.readouterr().out
    assert commands == []
    with flagsaver.flagsaver(study="words", extra_captions="here/a.token"):
        run_study.main([])
    trained = [c for c in commands if c.startswith("train.")]
    assert trained and all("extra_captions=here/a.token" in c for c in trained)
    record = json.loads((records.parent / "words" / "more-seed0.json").read_text())
    assert all("here" not in command for command in record["commands"])
    assert any(EXTRA_CAPTIONS in command for command in record["commands"])


def test_the_cnn_is_said_once_and_carried_from_there(ran, monkeypatch):
    commands, records = ran
    systems = (
        dataclasses.replace(OURS, encoder="efficientnet_lite0"),
        studies.System(
            "NIC-deeply",
            "demo_captions/nic_deeply",
            ('stages=["unary", "relational", "joint"]',),
            reused_stages=(("unary", "ours"),),
            encoder="efficientnet_lite0",
        ),
        studies.System("NIC-F", "demo_captions/nic_f", encoder="efficientnet_lite0"),
    )
    jobs = tuple(studies.Job(system, 0) for system in systems)
    study = studies.Study("two_lite0", jobs, "Little.")
    monkeypatch.setitem(studies.ENCODER_STUDIES, "two", lambda encoder: study)
    with flagsaver.flagsaver(encoder="efficientnet_lite0", weights="lite0.h5"):
        run_study.main([])
    trained = [c for c in commands if c.startswith("train.")]
    told = {
        "/".join(c.split("--workdir=")[1].split()[0].split("/")[-3::2]): "--encoder=" in c
        for c in trained
    }
    assert told == {
        "ours/unary": True,
        # It sees no image.
        "ours/relational": False,
        "ours/joint": False,
        # Its features are those of the unary run's CNN.
        "nic-deeply/relational": False,
        "nic-deeply/joint": False,
        # Nothing came before.
        "nic-f/joint": True,
    }
    for command in trained:
        assert ("--encoder=efficientnet_lite0" in command) == ("encoder.weights=lite0" in command)
    record = json.loads((records.parent / "two_lite0" / "ours-seed0.json").read_text())
    assert record["encoder"] == "efficientnet_lite0"
    assert "--encoder=efficientnet_lite0" in record["commands"][0]


def test_an_ensemble_is_evaluated_once_its_members_are_trained(ran, monkeypatch, capsys):
    jobs = (
        studies.Job(OURS, 0),
        studies.Job(OURS.averaged((0, 1)), 0),
        studies.Job(OURS, 1),
    )
    monkeypatch.setitem(studies.STUDIES, "five", lambda: studies.Study("five", jobs, "Little."))
    commands, records = ran
    with flagsaver.flagsaver(study="five"):
        run_study.main([])
        assert "skipped, it needs 'ours' of seed 1 in " in capsys.readouterr().out
        commands.clear()
        run_study.main([])
    (command,) = commands
    workdirs = [x for x in command.split() if x.startswith("--workdir=")]
    assert [x.split("/runs/")[1] for x in workdirs] == ["ours/seed0/joint", "ours/seed1/joint"]
    assert command.endswith("/runs/ours_x2/seed0/evaluation")
    record = json.loads((records.parent / "five" / "ours_x2-seed0.json").read_text())
    assert record["members"] == [["ours", 0], ["ours", 1]] and record["stages"] == {}
    one = json.loads((records.parent / "five" / "ours-seed0.json").read_text())
    assert record["parameters"]["decoder"] == 2 * one["parameters"]["decoder"]


def test_a_system_may_start_from_a_stage_of_another(ran, monkeypatch, capsys):
    head = studies.System("head", "demo_captions/nic_f", starts_from=("unary", "ours"))
    jobs = (studies.Job(head, 1), studies.Job(OURS, 1))
    monkeypatch.setitem(studies.STUDIES, "two", lambda: studies.Study("two", jobs, "Little."))
    commands, records = ran
    run_study.main([])
    skipped = "head, seed 1: skipped, it needs the unary stage of 'ours', seed 1, which it starts"
    assert skipped in capsys.readouterr().out
    assert not any("/head/" in c for c in commands)
    run_study.main([])
    (trained,) = (c for c in commands if c.startswith("train.") and "/head/seed1" in c)
    assert trained.endswith("/ours/seed1/unary")
    assert " --init_from=" in trained
    assert not any("--init_from" in c for c in commands if "/ours/seed1" in c and c != trained)
    told = [json.loads((records / f"{x}-seed1.json").read_text()) for x in ("head", "ours")]
    assert [record.get("starts_from") for record in told] == [["unary", "ours"], None]
