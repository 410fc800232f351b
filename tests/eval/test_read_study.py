"""The order of records, steps that saw no image, and the tables of RESULTS.md."""

import json
from pathlib import Path

import pytest

from eval.read_study import note_cached_steps, ordered_records
from semreg_tf.experiments import studies
from semreg_tf.reporting import study_tables

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
    ordered_records(study, tmp_path)
    assert capsys.readouterr().err.splitlines() == [
        "note: a, seed 1: the record is of other settings than the study's now (joint.steps)",
        "note: left, seed 0: the study has no such job now",
    ]


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
