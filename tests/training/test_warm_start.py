"""What a stage reads of a weights file and takes from the runs before it."""

import dataclasses
import shutil

import numpy as np
import pytest

from semreg_tf import config_io, experiments
from semreg_tf.training import workdir
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions
from semreg_tf.training.warm_start import with_encoder_of


@pytest.fixture(scope="module")
def config(toy):
    return toy(experiments.get("demo_tags/s_cnn_rnn"))


def with_weights(config, weights, **fields):
    encoder = dataclasses.replace(config.encoder, weights=weights, **fields)
    return dataclasses.replace(config, encoder=encoder)


@pytest.fixture(scope="module")
def unary(config, demo_data, tmp_path_factory):
    """A unary run, whose record names a weights file that is gone since."""
    folder = tmp_path_factory.mktemp("runs")
    path, told = folder / "unary", folder / "told"
    trainer = Trainer(config, "unary", demo_data, path)
    trainer.train()
    gone = with_weights(config, "gone/cnn.h5")
    workdir.open_workdir(told, gone, trainer.vocabularies, "unary")
    shutil.copy(told / "config.json", path)
    return path


def test_a_stage_on_true_concepts_asks_for_no_weights_file(config, demo_data, tmp_path):
    missing = with_weights(config, "missing.h5")
    results = Trainer(missing, "relational", demo_data, tmp_path / "relational").train()
    assert results["steps"] == 2
    # A run that was told other weights is the same run.
    Trainer(config, "relational", demo_data, tmp_path / "relational")
    for stage in ("unary", "joint"):
        with pytest.raises(FileNotFoundError, match=r"Received: weights='missing\.h5'"):
            Trainer(missing, stage, demo_data, tmp_path / stage)


def test_init_from_such_a_stage_takes_the_decoder_alone(config, demo_data, tmp_path):
    relational = Trainer(config, "relational", demo_data, tmp_path / "relational")
    relational.train()
    other = dataclasses.replace(config, seed=5)
    fresh = Trainer(other, "joint", demo_data, tmp_path / "fresh").annotator
    made = Trainer(
        other,
        "joint",
        demo_data,
        tmp_path / "joint",
        TrainerOptions(init_from=tmp_path / "relational"),
    )
    assert "init_from: encoder" not in made.sources
    assert made.sources["init_from: concepts"].startswith("nothing: a stage that is fed the true")
    for part in ("encoder", "head"):
        for mine, first in zip(
            getattr(made.annotator, part).weights, getattr(fresh, part).weights, strict=True
        ):
            np.testing.assert_array_equal(mine, first)
    for mine, theirs in zip(
        made.annotator.decoder.cell.weights, relational.annotator.decoder.cell.weights, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_the_cnn_of_a_unary_run_is_carried_with_its_weights_and_pooling(
    config, unary, demo_data, tmp_path
):
    bare = experiments.get("flickr8k_captions/s_cnn_rnn")
    carried = with_encoder_of(bare, unary).encoder
    assert carried.name == "small_cnn" and carried.weights == "gone/cnn.h5"
    assert carried.pooling == config.encoder.pooling
    # The rest is the experiment's.
    assert carried.standardise and carried.feature_dropout == 0.5
    # The file is gone, and nothing asks for it.
    joint = with_encoder_of(config, unary)
    trainer = Trainer(joint, "joint", demo_data, tmp_path / "joint", TrainerOptions(unary=unary))
    _, _, before = workdir.load_annotator(unary)
    for mine, theirs in zip(trainer.annotator.encoder.weights, before.encoder.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert workdir.load_run(tmp_path / "joint")[0].encoder.weights == "gone/cnn.h5"


@pytest.mark.parametrize(
    ("override", "theirs"),
    [
        ("encoder.name=alexnet", "small_cnn"),
        ("encoder.pooling=average", "native"),
        ("encoder.weights=other.h5", "gone/cnn.h5"),
        ("encoder.weights=null", "gone/cnn.h5"),
    ],
)
def test_what_contradicts_the_unary_run_is_refused(config, unary, override, theirs):
    field, _, value = override.partition("=")
    with pytest.raises(ValueError) as info:
        with_encoder_of(config_io.apply_overrides(config, [override]), unary, [override])
    message = str(info.value)
    assert message.startswith(f"`{field}` must be left out or be that of the unary run, {theirs!r}")
    value = None if value == "null" else value
    assert message.endswith(f"Received: {field}={value!r}") and "\n" not in message


def test_what_says_the_same_in_other_words_is_allowed(config, unary):
    """The file in another folder, and the CNN's own pooling by its name."""
    given = ["encoder.weights=elsewhere/cnn.h5", "encoder.pooling=average_max"]
    same = with_encoder_of(config_io.apply_overrides(config, given), unary, given)
    assert (same.encoder.weights, same.encoder.pooling) == ("elsewhere/cnn.h5", "average_max")
