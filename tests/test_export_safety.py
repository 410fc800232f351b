"""An export is whole or absent, refuses what was changed in it, and is written by one at a time."""

import json
import logging
import os
import resource
import shutil

import pytest
import tensorflow as tf

from semreg_tf.export import export_parts, new_export, write_info
from semreg_tf.files.export_info import INFO_FILE
from semreg_tf.files.file_lock import FileLock
from semreg_tf.inference import ExportedModel


@pytest.fixture(scope="module")
def parts(toy, demo_data):
    from semreg_tf import experiments
    from semreg_tf.data.records import find_builder
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.exporting.export_part import ExportPart
    from semreg_tf.models.annotator import Annotator

    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    vocabularies = Vocabularies.from_dataset(find_builder(demo_data, "demo").data_dir, config.data)
    sizes = len(vocabularies.concepts), vocabularies.output.size
    return [ExportPart(config, vocabularies, Annotator(config, *sizes))]


@pytest.fixture
def folder(toy_export, tmp_path):
    return shutil.copytree(toy_export("demo_tags/s_cnn_rnn").path, tmp_path / "model")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def forget_digests(folder):
    info = json.loads((folder / INFO_FILE).read_text())
    info = {k: v for k, v in info.items() if k not in ("digests", "sha256")}
    (folder / INFO_FILE).write_text(json.dumps(info))


FILES = (
    *("saved_model.pb", "variables/variables.index", "fingerprint.pb"),
    *("assets.extra/vocabulary.txt", "assets.extra/concepts.txt", "assets.extra/config.json"),
)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_or_missing_file_is_named(folder, name):
    flip(folder / name)
    with pytest.raises(ValueError, match=rf"`path` must hold {name} as it was .*Export the run"):
        ExportedModel(folder)
    (folder / name).unlink()
    with pytest.raises(ValueError, match=rf"`path` must hold {name} as .*it is missing"):
        ExportedModel(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff"])
def test_damaged_info_is_one_line(folder, content):
    (folder / INFO_FILE).write_bytes(content)
    with pytest.raises(ValueError, match=r"^`path` must hold a whole semreg_tf\.json") as told:
        ExportedModel(folder)
    assert "\n" not in str(told.value)


def test_changed_info_is_refused(folder):
    text = (folder / INFO_FILE).read_text()
    (folder / INFO_FILE).write_text(text.replace('"task": "tags"', '"task": "captions"'))
    with pytest.raises(ValueError, match=r"hold semreg_tf\.json as it was written"):
        ExportedModel(folder)


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_damaged_variables_are_refused(folder, damage):
    path = folder / "variables" / "variables.data-00000-of-00001"
    if damage == "flipped":
        flip(path)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.unlink()
    with pytest.raises(ValueError, match=r"`path` must hold a whole export: .* variables/ is"):
        ExportedModel(folder)


def test_an_export_of_before_digests_loads_with_one_line_and_damage_is_one_too(folder, caplog):
    forget_digests(folder)
    caplog.set_level(logging.WARNING, "semreg_tf")
    ExportedModel(folder)
    told = [r.getMessage() for r in caplog.records if r.name == "semreg_tf.files.export_info"]
    assert told == [f"{folder} has no digests: an earlier version exported it"]
    (folder / "saved_model.pb").write_bytes(b"\x0a\xff\xff")
    with pytest.raises(ValueError, match=r"whole export: saved_model\.pb or variables/") as refused:
        ExportedModel(folder)
    assert "\n" not in str(refused.value)


def test_a_full_disk_leaves_what_was_there_and_nothing_half(parts, folder):
    before = (folder / INFO_FILE).read_bytes()
    for path in (folder, folder.with_name("new")):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            with pytest.raises(OSError, match=r"must be writable for the export.*intact") as told:
                export_parts(parts, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "\n" not in str(told.value)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]
    assert (folder / INFO_FILE).read_bytes() == before


def test_two_exports_into_one_folder_are_refused(parts, folder):
    lock = FileLock(folder.with_name(".model.lock"), "path", folder)
    with lock, pytest.raises(ValueError, match=r"`path` must not be in use .*process \d+ on"):
        export_parts(parts, folder)


def write_small_export(path, *names):
    with new_export(path) as folder:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("new")
        (folder / "assets.extra").mkdir(exist_ok=True)
        write_info(folder, {})


@pytest.mark.parametrize("with_digests", [True, False])
def test_exporting_again_keeps_what_people_put_there(tmp_path, with_digests):
    path, shards = tmp_path / "model", "variables/variables.data-00000-of-00002"
    write_small_export(path, "saved_model.pb", "assets.extra/old.txt", shards)
    if not with_digests:
        forget_digests(path)
    of_people = ["model/assets.extra/examples/dog.jpg", "model.partial/a", "model.earlier/b"]
    for name in of_people:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a person's")
    write_small_export(path, "saved_model.pb")
    expected = [*of_people, "model/saved_model.pb", "model/assets.extra/semreg_tf.json"]
    files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(files) == sorted(expected)
    assert all((tmp_path / name).read_text() == "a person's" for name in of_people)


def test_the_folder_that_a_link_names_is_replaced(tmp_path):
    (tmp_path / "latest").symlink_to("model")
    for name in ("a", "b"):
        write_small_export(tmp_path / "latest", name)
        assert (tmp_path / "latest").is_symlink() and (tmp_path / "model" / name).exists()
    assert sorted(os.listdir(tmp_path)) == ["latest", "model"]


def test_a_kill_between_the_two_renamings_is_undone(parts, folder, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    hidden = folder.with_name(".model.semreg-export")
    hidden.mkdir()
    folder.rename(hidden / "earlier")
    monkeypatch.setattr(tf.saved_model, "save", killed)
    with pytest.raises(Killed):
        export_parts(parts, folder)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]
    ExportedModel(folder)
