"""Weights load with the names and the config they were trained with, and with no others."""

import dataclasses
import json
import logging
import shutil

import pytest

from semreg_tf.config_io import load
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.digests import with_own_digest
from semreg_tf.reporting.run_files import read_run
from semreg_tf.training import checkpoints, workdir

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
