"""The order of records, steps that saw no image, and the tables of RESULTS.md."""

import dataclasses
import json
from pathlib import Path

import pytest

from eval.read_study import note_cached_steps, note_inherited, ordered_records
from semreg_tf.experiments import studies
from semreg_tf.experiments.study import jobs_of
from semreg_tf.reporting import study_curves, study_tables

ROOT = Path(__file__).parents[2]
# Of the records in results/.
OTHER_CNNS = ("efficientnet_lite0",)


def test_steps_on_cached_features_are_noted_where_the_config_has_them():
    records = [
        {
            "experiment": "flickr8k_captions/s_cnn_rnn",
            "overrides": ["unary.head_only_steps=20"],
            "stages": {"unary": {"steps": 50}, "joint": {"steps": 10}},
        },
        {
            "experiment": "demo_captions/s_cnn_rnn",
            "overrides": [],
            "stages": {"unary": {"steps": 50}},
        },
    ]
    note_cached_steps(records)
    assert records[0]["stages"]["unary"]["cached_steps"] == 20
    assert "cached_steps" not in records[0]["stages"]["joint"]
    assert "cached_steps" not in records[1]["stages"]["unary"]


def test_steps_of_joint_stages_on_cached_features_are_noted_too():
    phases = [("decoder alone", 30), ("joint", 50), ("rewards", 20)]
    overrides = ["joint.decoder_only_steps=40", "joint.reward_steps=20"]
    records = [
        {
            "experiment": "flickr8k_captions/s_cnn_rnn",
            "overrides": [*overrides, *more],
            "stages": {"joint": {"steps": 100} | extra},
        }
        for more, extra in (
            ((), {"phases": [{"name": name, "steps": steps} for name, steps in phases]}),
            ((), {}),
            (["joint.decoder_only_cached=false"], {}),
            (["encoder.trainable=false"], {}),
        )
    ]
    note_cached_steps(records)
    noted = [
        (r["stages"]["joint"]["cached_steps"], r["stages"]["joint"]["cached_first"])
        for r in records
    ]
    assert noted == [(50, 30), (60, 40), (20, 0), (20, 0)]


def stage(steps, minutes):
    history = [{"step": steps, "elapsed_secs": 60.0 * minutes, "CIDEr": 0.5, "phase": "joint"}]
    return {"steps": steps, "metric": "CIDEr", "best_value": 0.5, "history": history}


@pytest.mark.parametrize("told", [True, False])
def test_minutes_and_steps_of_what_a_system_starts_from_are_its_own_too(told):
    ours, head, rewarded = (
        studies.System(name, "demo_captions/s_cnn_rnn", starts_from=start)
        for name, start in (
            ("ours", None),
            ("head", ("unary", "ours")),
            ("rewarded", ("joint", "ours")),
        )
    )
    reward = ["joint.reward_steps=200", "joint.steps=0"]
    records = [
        {
            "system": system.name,
            "seed": 1,
            "experiment": system.experiment,
            "overrides": overrides,
            "stages": {name: stage(*made) for name, made in stages.items()},
            "parameters": {"head": 1e6, "decoder": 1e6},
            **({"starts_from": [*system.starts_from]} if told and system.starts_from else {}),
        }
        for system, overrides, stages in (
            (rewarded, reward, {"joint": (200, 2)}),
            (ours, [], {"unary": (10, 4), "relational": (20, 8), "joint": (40, 16)}),
            (head, [], {"joint": (5, 1)}),
        )
    ]
    bare = jobs_of(
        (ours, *(dataclasses.replace(s, starts_from=None) for s in (head, rewarded))), (1,)
    )
    jobs = bare if told else jobs_of((ours, head, rewarded), (1,))
    note_cached_steps(records)
    note_inherited(records, studies.Study("mine", jobs, ""))
    minutes = [row.split("|")[-2].strip() for row in study_tables._sizes(records).splitlines()[2:]]
    assert minutes == ["30.0", "28.0", "5.0"]
    lines = study_curves.validation_lines(records, "CIDEr")
    assert [line.minutes for line in lines] == [[30.0], [28.0], [5.0]]
    # Steps on true concepts and steps on rewards see no image.
    assert [line.steps for line in lines] == [[50], [50], [15]]
    # Without a record of the other system nothing is known of its stages.
    note_inherited(records[:1], studies.Study("mine", jobs, ""))
    assert records[0]["inherited"] == []


def test_records_come_in_the_order_of_work_seeds_together(tmp_path):
    systems = tuple(studies.System(name, "demo_tags/s_cnn_rnn") for name in ("b", "a"))
    jobs = tuple(studies.Job(system, seed) for seed in (0, 1) for system in systems)
    study = studies.Study("mine", jobs, "")
    (tmp_path / "mine").mkdir()
    for name, seed in (("a", 0), ("a", 1), ("b", 1), ("b", 0), ("left", 0)):
        record = {"system": name, "seed": seed, "experiment": "demo_tags/s_cnn_rnn"}
        record |= {"overrides": [], "stages": {}}
        (tmp_path / "mine" / f"{name}-seed{seed}.json").write_text(json.dumps(record))
    found = [(r["system"], r["seed"]) for r in ordered_records(study, tmp_path)]
    assert found == [("b", 0), ("b", 1), ("a", 0), ("a", 1), ("left", 0)]


def test_records_of_other_settings_are_told_of(tmp_path, capsys):
    system = studies.System("a", "demo_tags/s_cnn_rnn", ("joint.steps=7",))
    study = studies.Study("mine", (studies.Job(system, 0), studies.Job(system, 1)), "")
    (tmp_path / "mine").mkdir()
    for name, seed, steps in (("a", 0, 7), ("a", 1, 8), ("left", 0, 7)):
        record = {"system": name, "seed": seed, "experiment": "demo_tags/s_cnn_rnn"}
        record |= {"overrides": [f"joint.steps={steps}", "precision=float32"], "stages": {}}
        (tmp_path / "mine" / f"{name}-seed{seed}.json").write_text(json.dumps(record))
    records = ordered_records(study, tmp_path)
    assert capsys.readouterr().err.splitlines() == [
        "note: a, seed 1: the record is of other settings than the study's now (joint.steps)",
        "note: left, seed 0: the study has no such job now",
    ]
    # Seeds of other settings are in no mean with the system's own.
    assert [r["system"] for r in records] == ["a", "a (joint.steps=8)", "left"]


def test_settings_in_which_all_records_differ_from_the_study_are_not_named(tmp_path):
    system = studies.System("a", "demo_tags/s_cnn_rnn", ("joint.steps=7",))
    study = studies.Study("mine", (studies.Job(system, 0), studies.Job(system, 1)), "")
    (tmp_path / "mine").mkdir()
    overrides = ["joint.steps=7", "encoder.trainable=false"]
    for seed in (0, 1):
        record = {"system": "a", "seed": seed, "experiment": "demo_tags/s_cnn_rnn"}
        record |= {"overrides": overrides, "stages": {}}
        (tmp_path / "mine" / f"a-seed{seed}.json").write_text(json.dumps(record))
    assert [r["system"] for r in ordered_records(study, tmp_path)] == ["a", "a"]


def recorded():
    """Returns the studies that have records, with the CNN that each was run with in its place."""
    found = [
        studies.get(name, encoder)
        for name in studies.STUDIES
        for encoder in (None, *OTHER_CNNS)
        if encoder is None or name in studies.ENCODER_STUDIES
    ]
    there = {study.name: study for study in found if (ROOT / "results" / study.name).exists()}
    return [there[name] for name in sorted(there)]


def test_every_folder_of_records_is_held_to_its_tables():
    folders = {path.parent.name for path in (ROOT / "results").glob("*/tables.md")}
    assert folders == {study.name for study in recorded()}


@pytest.mark.parametrize("study", recorded(), ids=lambda study: study.name)
def test_what_results_md_and_tables_md_tell_is_what_the_records_hold(study):
    name = study.name
    records = ordered_records(study, ROOT / "results")
    text = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    if f"<!-- scores: {name}," in text:
        assert study_tables.with_scores(text, name, records) == text
    tables = (ROOT / "results" / name / "tables.md").read_text(encoding="utf-8")
    assert tables.endswith(study_tables.study_markdown(records))
