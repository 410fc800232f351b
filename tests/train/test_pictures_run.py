"""`--pictures`: from a folder of pictures to exported models in one command."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import semreg_tf
from semreg_tf import experiments
from tests.processes import run_module
from train import pictures_run
from train.pictures_run import PicturesRun, default_workdir


def asked(**fields):
    given = {
        "pictures": "holiday",
        "workdir": Path("runs/holiday"),
        "preparation": (),
        "imports": (),
        "preset": "fast",
        "overrides": (),
        "seed": None,
        "init_from": None,
    }
    return PicturesRun(**given | fields)


def test_the_experiment_has_the_preset_the_seed_and_what_was_given():
    config = asked(overrides=["joint.steps=7"], seed=3).config("tags")
    base = experiments.get("custom_tags/s_cnn_rnn")
    assert (config.preset, config.seed, config.joint.steps) == ("fast", 3, 7)
    assert config.encoder == base.encoder


def test_the_folder_is_named_after_the_pictures():
    assert default_workdir("/data/holiday/") == Path("runs/holiday")


def counts(**splits):
    return {name: {"captions": n, "images_with_labels": n} for name, n in splits.items()}


def test_missing_splits_are_replaced_or_not_scored():
    config = asked().config("tags")
    three = counts(train=8, validation=1, test=1)
    assert pictures_run._with_validation_split(config, three) == config
    assert pictures_run._test_split(config, three, "tags") == "test"
    assert pictures_run._with_validation_split(config, counts(train=8, validation=0)) != config
    one = counts(train=8)
    assert pictures_run._with_validation_split(config, one).data.validation_split == "train"
    assert pictures_run._test_split(config, one, "tags") is None
    assert pictures_run._test_split(config, counts(train=8, test=0), "captions") is None


def test_a_tagger_lists_labels_by_both_parts_where_validation_pictures_chose_the_threshold():
    def labels(results, overrides=(), **splits):
        settings = asked(overrides=overrides)
        config = pictures_run._with_validation_split(settings.config("tags"), counts(**splits))
        return pictures_run._labels_of_export(config, results, settings)

    results, all_splits = {"combine_threshold": 0.25}, {"train": 8, "validation": 1, "test": 1}
    combined = ("decoding.method=combined", "decoding.combine_threshold=0.25")
    assert labels(results, **all_splits) == combined
    assert labels(results, ["decoding.max_steps=3"], **all_splits) == combined
    assert labels(results, ["decoding.method=greedy"], **all_splits) == ()
    assert labels(results, train=8, test=1) == ()
    assert labels({}, **all_splits) == labels({"combine_threshold": None}, **all_splits) == ()


@pytest.mark.parametrize(
    ("task", "captions", "fields", "least"),
    [
        ("captions", 24, {}, 1),
        ("captions", 500, {}, 4),
        ("captions", 24, {"overrides": ("data.min_word_count=2",)}, 2),
        ("tags", 24, {}, 1),
    ],
)
def test_few_captions_keep_their_rare_words(task, captions, fields, least):
    asking = asked(**fields)
    config = pictures_run._with_rare_words(asking.config(task), counts(train=captions), asking)
    assert config.data.min_word_count == least


def test_what_to_run_next_names_every_model():
    models = {"tags": Path("runs/h/tags_model"), "captions": Path("runs/h/captions_model")}
    of_tags = ("decoding.method=combined", "decoding.combine_threshold=0.2")
    text = pictures_run._what_next(asked(), models, of_tags, 3.2)
    assert "Done in 3 minutes" in text
    assert "semreg annotate --model=runs/h/tags_model holiday " in text
    assert "semreg serve --model=runs/h/tags_model --model=runs/h/captions_model" in text
    both = "--workdir=runs/holiday/tags/joint --workdir=runs/holiday/captions/joint"
    combined = (
        "--config.labels.decoding.method=combined --config.labels.decoding.combine_threshold=0.2"
    )
    assert f"semreg export {both} {combined} --out=runs/holiday/both_model" in text
    one = pictures_run._what_next(asked(), {"tags": Path("my x")}, (), 1.0)
    assert "semreg export" not in one and "annotate '--model=my x' holiday " in one


def semreg(*arguments, cwd):
    return run_module("semreg_tf", *arguments, cwd=cwd)


TOY = (
    "--config.encoder.name=small_cnn",
    "--config.encoder.weights=null",
    "--config.image.size=32",
    "--config.decoder.cells=16",
    "--config.data.min_word_count=1",
    *(f"--config.{s}.steps=3" for s in ("unary", "relational", "joint")),
)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    generator = np.random.default_rng(0)
    lines = []
    for i in range(24):
        pixels = generator.integers(0, 255, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.jpg")
        line = {"filename": f"{i}.jpg", "tags": ["sea", "dog"][: 1 + i % 2]}
        if i % 2:
            line["caption"] = "A dog by the sea."
        lines.append(json.dumps(line))
    (folder / "annotations.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.large
def test_one_command_from_pictures_to_models(pictures, tmp_path):
    done = semreg("train", "--pictures=holiday", "--preset=fast", *TOY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "== Step 7 of 7: writing runs/holiday/captions_model" in done.stdout
    assert "semreg serve --model=runs/holiday/tags_model" in done.stdout
    assert "writing runs/holiday/tags_model, with the labels of CNN and decoder cut" in done.stdout
    for task in ("tags", "captions"):
        model = semreg_tf.load(tmp_path / "runs" / "holiday" / f"{task}_model")
        assert model.task == task
        assert model.annotate([pictures / "0.jpg"])[0].error is None
        results = tmp_path / "runs" / "holiday" / task / "joint" / "results.json"
        chosen = json.loads(results.read_text())["combine_threshold"] if task == "tags" else None
        assert model.info["config"]["decoding"]["combine_threshold"] == chosen
        assert (model.info["config"]["decoding"]["method"] == "combined") is (task == "tags")
    again = semreg("train", "--pictures=holiday", "--preset=fast", *TOY, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    results = tmp_path / "runs" / "holiday" / "captions" / "joint" / "train_results.json"
    assert json.loads(results.read_text())["steps"] == 3
    # Half of the pictures have captions, and those alone train.
    more = semreg(
        "train",
        "--pictures=holiday",
        "--workdir=runs/more",
        "--init_from=runs/holiday/captions_model",
        *TOY[3:],
        cwd=tmp_path,
    )
    assert more.returncode == 0, more.stderr
    about = json.loads((tmp_path / "runs/more/captions/unary/train_results.json").read_text())
    assert about["weights_from"]["init_from: encoder"] == "whole"


def test_a_stop_of_the_preparation_is_told_by_the_preparation_alone(tmp_path, monkeypatch):
    def stop(command):
        assert "prepare" in command
        raise pictures_run.stopping.Stopped(15)

    monkeypatch.setattr(pictures_run.stopping, "run_child", stop)
    settings = asked(pictures=str(tmp_path), workdir=tmp_path / "run")
    with pytest.raises(SystemExit) as stopped:
        pictures_run.run(settings)
    assert stopped.value.code == 143


@pytest.mark.large
@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "`--experiment` must be given, or `--pictures`"),
        (["--pictures=holiday", "--experiment=x/y"], "`--experiment` must not be given with"),
        (["--pictures=holiday", "--config.joint.stps=3"], "did you mean 'steps'?"),
        (
            ["--pictures=nowhere"],
            "`pictures` must be the folder of the pictures: there is none. Receiv",
        ),
        (["--pictures=holiday", "--init_from=nowhere"], "`init_from` must be the work directory"),
    ],
)
def test_mistakes_are_one_line(flags, says, pictures, tmp_path):
    done = semreg("train", *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
