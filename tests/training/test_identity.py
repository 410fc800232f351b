"""Weights load with the names and the config they were trained with, and with no others."""

import dataclasses
import json
import logging
import shutil

import pytest

from semreg_tf.config_io import load
from semreg_tf.data.dataset_digests import content_digests
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.files.digests import with_own_digest
from semreg_tf.reporting.run_files import read_run
from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

NAMES = ("vocabulary.txt", "concepts.txt", "user_tags.txt")


@pytest.fixture
def run(bare_run, tmp_path):
    return shutil.copytree(bare_run, tmp_path / "run")


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def swapped(lines):
    return [lines[0], lines[2], lines[1], *lines[3:]]


def renamed(lines):
    return [lines[0], f"other{lines[1]}", *lines[2:]]


def recounted(lines):
    return [lines[0], f"{lines[1][:-2]}9\n", *lines[2:]]


def shortened(lines):
    return lines[:-1]


def edit_config(path, section, **fields):
    about = json.loads((path / "config.json").read_text())
    (about["config"][section] if section else about["config"]).update(fields)
    (path / "config.json").write_text(json.dumps(about))


def strip_config(path):
    about = json.loads((path / "config.json").read_text())
    about = {k: v for k, v in about.items() if k not in ("digests", "sha256")}
    (path / "config.json").write_text(json.dumps(about))


def strip_checkpoints(path):
    for checkpoint in checkpoints.list_checkpoints(path):
        state = json.loads((checkpoint / "state.json").read_text())
        gone = ("digests", "shape", "sha256", "tensors_index_sha256")
        state = {k: v for k, v in state.items() if k not in gone}
        (checkpoint / "state.json").write_text(json.dumps(state))


def reopen(path):
    """As the trainer opens the folder when it resumes."""
    config, vocabularies = load(str(path / "config.json")), Vocabularies.load(path)
    return workdir.open_workdir(path, config, vocabularies, "unary")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [swapped, renamed, recounted, shortened])
def test_changed_names_are_refused_wherever_they_are_read(run, name, change):
    (run / name).write_text("".join(change(lines_of(run / name))), encoding="utf-8")
    for read in (workdir.load_run, reopen, read_run):
        if name != "user_tags.txt" or change is not shortened or read is not reopen:
            with pytest.raises(ValueError, match=rf"`workdir` must hold {name} as ") as refused:
                read(run)
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_the_checkpoint_alone_knows_its_names(run, name):
    """Also where config.json, which carries them too, was written again."""
    strip_config(run)
    (run / name).write_text("".join(swapped(lines_of(run / name))), encoding="utf-8")
    for read in (workdir.load_run, reopen):
        with pytest.raises(ValueError, match=rf"`workdir` must hold {name} as the weights were"):
            read(run)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("decoder", "activation", "tanh"),
        ("encoder", "pooling", "average"),
        ("concepts", "tag_fusion", "probabilities"),
        ("image", "resize_ratio", 1.1),
        ("data", "label_order", "alphabetical"),
    ],
)
def test_an_edited_shaping_field_is_refused(run, section, field, value):
    edit_config(run, section, **{field: value})
    for read in (workdir.load_run, reopen):
        message = rf"`workdir` must hold config\.json as .*{section}\.{field} was "
        with pytest.raises(ValueError, match=message):
            read(run)


def test_another_edit_is_told(run, caplog):
    workdir.load_run(run)
    assert not caplog.messages
    edit_config(run, "decoding", max_steps=7)
    config, _, _ = workdir.load_run(run)
    assert config.decoding.max_steps == 7
    assert caplog.messages == [f"{run / 'config.json'} was edited or damaged after the run began"]
    assert "config.json was edited" in read_run(run).notes[0]


def test_a_folder_of_before_digests_loads_with_one_line(run, caplog):
    strip_config(run)
    strip_checkpoints(run)
    (run / "concepts.txt").write_text("".join(swapped(lines_of(run / "concepts.txt"))))
    caplog.set_level(logging.INFO)
    workdir.load_run(run)
    assert caplog.messages == [f"{run} has no digests: an earlier version wrote it"]
    reopen(run)
    read_run(run)


def test_a_field_that_another_version_added_or_took_away_is_passed_over(run):
    for checkpoint in checkpoints.list_checkpoints(run):
        path = checkpoint / "state.json"
        state = json.loads(path.read_text())
        state["shape"]["decoder"].pop("tie_output")
        state["shape"]["decoder"]["of_an_earlier_version"] = 3
        path.write_text(json.dumps(with_own_digest(state)))
    workdir.load_run(run)


def with_extra_captions(path, name, digest):
    config, vocabularies = load(str(path / "config.json")), Vocabularies.load(path)
    captions = dataclasses.replace(config.relational, extra_captions=name)
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, labels_from="captions"), relational=captions
    )
    return config, vocabularies, "unary", digest


def test_captions_without_pictures_may_move_but_not_change(run, tmp_path):
    path = tmp_path / "new"
    workdir.open_workdir(path, *with_extra_captions(run, "a.token", "12"))
    workdir.open_workdir(path, *with_extra_captions(run, "moved/a.token", "12"))
    for digest in ("13", None):
        with pytest.raises(ValueError, match="must be as at the start of the run: its content was"):
            workdir.open_workdir(path, *with_extra_captions(run, "a.token", digest))


CONTENTS = {"annotations of train": "1", "annotations of test": "2", "pictures of train": "3"}


@pytest.mark.parametrize("part", CONTENTS)
def test_a_run_does_not_go_on_with_a_data_set_of_other_content(part, run, tmp_path):
    path, parts = tmp_path / "new", (*with_extra_captions(run, None, None),)
    workdir.open_workdir(path, *parts, CONTENTS)
    workdir.open_workdir(path, *parts, CONTENTS)
    message = rf"`workdir` must be new or hold .* the {part} changed\. Delete the folder and those"
    with pytest.raises(ValueError, match=message) as refused:
        workdir.open_workdir(path, *parts, {**CONTENTS, part: "changed"})
    assert "\n" not in str(refused.value)


def test_changed_annotations_are_named_before_the_vocabulary_that_they_change(run, tmp_path):
    path, (config, vocabularies, stage, _) = tmp_path / "new", with_extra_captions(run, None, None)
    workdir.open_workdir(path, config, vocabularies, stage, None, CONTENTS)
    fewer = dataclasses.replace(vocabularies, concepts=vocabularies.concepts.head(3))
    with pytest.raises(ValueError, match="the annotations of train changed"):
        workdir.open_workdir(path, config, fewer, stage, None, {"annotations of train": "9"})


def test_runs_and_data_sets_of_before_such_digests_go_on(run, tmp_path):
    path, parts = tmp_path / "new", (*with_extra_captions(run, None, None),)
    workdir.open_workdir(path, *parts)
    workdir.open_workdir(path, *parts, CONTENTS)
    assert "dataset_digests" not in workdir.read_about(path)
    path = tmp_path / "other"
    workdir.open_workdir(path, *parts, CONTENTS)
    workdir.open_workdir(path, *parts, {})
    workdir.open_workdir(path, *parts, {"annotations of train": "1"})


def test_weights_trained_on_other_content_of_the_data_set_are_told(run, tmp_path, caplog):
    path = tmp_path / "new"
    workdir.open_workdir(path, *with_extra_captions(run, None, None), CONTENTS)
    other = {**CONTENTS, "annotations of test": "9", "pictures of train": "9"}
    told = workdir.warn_of_other_content(path, "demo", other)
    assert told == caplog.messages
    assert len(told) == 1
    assert "'demo' (annotations of test, pictures of train differ): its training" in told[0]
    # Another data set, the same content, a run of an earlier version, an export.
    assert workdir.warn_of_other_content(path, "flickr8k", other) == []
    assert workdir.warn_of_other_content(path, "demo", CONTENTS) == []
    assert workdir.warn_of_other_content(run, "demo", other) == []
    assert workdir.warn_of_other_content(tmp_path, "demo", other) == []


@pytest.fixture
def changed_data(demo_data, tmp_path):
    """The demo data prepared again with other annotations, as its counts say."""
    folder = shutil.copytree(demo_data, tmp_path / "data")
    path = next(folder.glob("demo/*/dataset_counts.json"))
    counts = json.loads(path.read_text())
    counts["picture_digests"]["train"] = "changed"
    path.write_text(json.dumps(with_own_digest(counts)))
    return folder


@pytest.mark.large
def test_training_resumes_and_evaluation_warns_by_the_data_sets_content(
    tag_run, demo_data, changed_data, tmp_path
):
    config, _, stage = workdir.load_run(tag_run)
    contents = content_digests(find_builder(demo_data, "demo").data_dir)
    assert workdir.read_about(tag_run)["dataset_digests"] == contents
    path = shutil.copytree(tag_run, tmp_path / "run")
    Trainer(config, stage, demo_data, path)
    with pytest.raises(ValueError, match="since the run began the pictures of train changed"):
        Trainer(config, stage, changed_data, path)
    assert EvaluatedRun(path, demo_data).warnings == []
    assert len(EvaluatedRun(path, changed_data).warnings) == 1


@pytest.mark.large
def test_a_stage_says_that_the_stage_before_it_read_other_content(
    demo_data, changed_data, tag_run, tmp_path, caplog
):
    config = workdir.load_run(tag_run)[0]
    Trainer(config, "unary", demo_data, tmp_path / "unary").train()
    for name in ("unary", "init_from"):
        caplog.clear()
        options = TrainerOptions(**{name: tmp_path / "unary"})
        Trainer(config, "joint", changed_data, tmp_path / name / "joint", options)
        told = [m for m in caplog.messages if "was trained on other content of 'demo'" in m]
        assert len(told) == 1, name
