"""What a work directory says of the code and of where weights came from."""

import dataclasses
import json
import logging
import shutil
import subprocess

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.digests import is_unchanged
from semreg_tf.reporting.run_files import short_commit
from semreg_tf.training.workdir import (
    code_commit,
    load_annotator,
    load_run,
    open_workdir,
    read_about,
)


@pytest.fixture
def checkout(tmp_path):
    """A repository with the project's folders of code."""
    for folder in ("semreg_tf", "cli", "train", "data_prep", "eval"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def git(folder, *arguments):
    names = ("-c", "user.name=A", "-c", "user.email=a@b.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *names, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_changed_tree_is_told_beside_its_commit(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "runs").mkdir()
    (checkout / "runs" / "results.json").write_text("{}")
    assert code_commit(checkout) == commit
    (checkout / "train" / "new.py").write_text("")
    assert code_commit(checkout) == f"{commit}+changes"
    (checkout / "train" / "new.py").unlink()
    (checkout / "eval" / "code.py").write_text("x = 2\n")
    assert code_commit(checkout) == f"{commit}+changes"


def test_another_projects_commit_is_not_ours(checkout):
    package = checkout / "vendor"
    (package / "semreg_tf").mkdir(parents=True)
    assert code_commit(package) is None
    assert code_commit(checkout / "nowhere") is None


def test_a_commit_is_shortened_with_its_changes():
    assert short_commit("0123456789abcdef+changes") == "0123456789+changes"
    assert short_commit("0123456789abcdef") == "0123456789"
    assert short_commit(None) == "unknown"


def test_a_loaded_run_says_where_its_weights_came_from(caption_runs, caplog):
    with caplog.at_level(logging.INFO):
        load_annotator(caption_runs[0])
    assert "random weights" not in caplog.text
    assert f"weights of the checkpoint {caption_runs[0]}/checkpoints" in caplog.text


def test_checkpoints_without_a_config_are_not_taken_for_a_new_run(caption_runs, tmp_path):
    config, vocabularies, stage = load_run(caption_runs[0])
    folder = shutil.copytree(caption_runs[0], tmp_path / "run")
    assert open_workdir(folder, config, vocabularies, stage) == folder
    (folder / "config.json").unlink()
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ValueError, match=r"it holds checkpoints and no config\.json, so nothing"):
        open_workdir(folder, config, vocabularies, stage)
    assert sorted(path.name for path in folder.iterdir()) == before


def opened(config, stage, demo_data, path):
    """Opens a work directory: called again with another config, resumes a run under it."""
    data_dir = find_builder(demo_data, "demo").data_dir
    return open_workdir(path, config, Vocabularies.from_dataset(data_dir, config.data), stage)


def test_a_run_resumes_under_another_name_and_not_with_another_cnn(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    opened(config, "unary", demo_data, tmp_path)
    free = ["name=mine", "table_row=Table 9", "unary.steps=3", "decoding.max_steps=2"]
    opened(config_io.apply_overrides(config, free), "unary", demo_data, tmp_path)
    other = config_io.apply_overrides(config, ["encoder.name=mobilenet_v2"])
    with pytest.raises(ValueError, match=r"`workdir` .* differs in encoder\.name\."):
        opened(other, "unary", demo_data, tmp_path)


def test_a_resumed_run_decodes_as_it_is_asked_to_and_keeps_what_its_start_recorded(
    toy, demo_data, tmp_path
):
    """The evaluation and the export read config.json, which kept the first start's decoding."""
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    opened(config, "joint", demo_data, tmp_path)
    first = read_about(tmp_path)
    written = (tmp_path / "config.json").stat().st_mtime_ns
    opened(config, "joint", demo_data, tmp_path)
    assert (tmp_path / "config.json").stat().st_mtime_ns == written
    asked = config_io.apply_overrides(config, ["decoding.max_steps=2", "joint.steps=7"])
    opened(asked, "joint", demo_data, tmp_path)
    assert load_run(tmp_path)[0] == asked
    now = read_about(tmp_path)
    assert is_unchanged(now)
    own = ("config", "sha256")
    assert {k: now[k] for k in now if k not in own} == {k: first[k] for k in first if k not in own}
    # What is refused changes nothing.
    other = config_io.apply_overrides(asked, ["decoding.max_steps=3", "joint.learning_rate=1"])
    with pytest.raises(ValueError, match=r"differs in joint\.learning_rate\."):
        opened(other, "joint", demo_data, tmp_path)
    assert read_about(tmp_path) == now


def test_an_edited_config_is_still_told_after_a_resumed_run_has_changed_it(
    toy, demo_data, tmp_path
):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    opened(config, "joint", demo_data, tmp_path)
    about = read_about(tmp_path)
    about["config"]["decoding"]["max_steps"] = 3
    (tmp_path / "config.json").write_text(json.dumps(about))
    asked = config_io.apply_overrides(config, ["decoding.max_steps=2"])
    opened(asked, "joint", demo_data, tmp_path)
    assert load_run(tmp_path)[0] == asked
    assert not is_unchanged(read_about(tmp_path))


@pytest.mark.parametrize("reward_steps", [0, 1])
def test_the_length_of_sampled_captions_is_fixed(reward_steps, toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    joint = dataclasses.replace(config.joint, reward_steps=reward_steps)
    config = dataclasses.replace(config, joint=joint)
    opened(config, "joint", demo_data, tmp_path)
    wider = config_io.apply_overrides(config, ["decoding.beam_width=2"])
    opened(wider, "joint", demo_data, tmp_path)
    shorter = config_io.apply_overrides(config, ["decoding.max_steps=5"])
    if not reward_steps:
        opened(shorter, "joint", demo_data, tmp_path)
        return
    with pytest.raises(ValueError, match=r"`workdir` .* differs in decoding\.max_steps\."):
        opened(shorter, "joint", demo_data, tmp_path)
