"""Training goes on from an export: what is loaded is what was written, or it is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import config_io, experiments
from semreg_tf.export import export_parts
from semreg_tf.export_run import read_provenance
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.files import digests
from semreg_tf.files.export_info import INFO_FILE
from semreg_tf.inference import load
from semreg_tf.models.batch_norm_folding import STATISTICS_FILE, fold_batch_norm
from semreg_tf.training.exported_weights import load_exported
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions
from semreg_tf.training.transfer import open_donor

SHIPPED = Path(__file__).parents[2] / "models" / "flickr8k_captions"


@pytest.fixture(scope="module")
def made(toy_export):
    return toy_export("demo_captions/s_cnn_rnn")


def test_the_loaded_models_compute_what_the_export_does(made):
    config, names, annotator, _ = load_exported(made.path)
    assert config.name == "demo_captions/s_cnn_rnn"
    assert names.difference(made.vocabularies) is None
    features = np.random.default_rng(0).normal(size=(3, annotator.feature_size)).astype("f")
    answer = made.model.signatures["serve_features"](features=tf.constant(features))
    found = annotator.encode({"features": tf.constant(features)})["concept_probabilities"]
    np.testing.assert_allclose(found, answer["concept_probabilities"], atol=1e-5)
    stored = tf.train.load_checkpoint(str(made.path / "variables" / "variables"))
    folded = fold_batch_norm(annotator.encoder)
    for number, variable in enumerate(folded.variables):
        value = stored.get_tensor(f"weights/stored/{number}/.ATTRIBUTES/VARIABLE_VALUE")
        np.testing.assert_allclose(np.array(variable), value, rtol=1e-4, atol=1e-6)


def test_matrices_in_eight_bits_are_loaded_as_the_export_uses_them(made, tmp_path):
    config, names, annotator, _ = load_exported(made.path)
    part = ExportPart(config, names, annotator)
    path = export_parts([part], tmp_path / "int8", weights_dtype="int8")
    _, _, loaded, _ = load_exported(path)
    features = np.random.default_rng(0).normal(size=(3, annotator.feature_size)).astype("f")
    answer = load(path).signatures["serve_features"](features=tf.constant(features))
    found = loaded.encode({"features": tf.constant(features)})["concept_probabilities"]
    np.testing.assert_allclose(found, answer["concept_probabilities"], atol=1e-5)
    kernels = [np.array(x.head.get_layer("image_logits").kernel) for x in (annotator, loaded)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() <= np.abs(kernels[0]).max() / 254 * 1.001


def test_a_run_starts_from_an_export_and_says_how_much_is_known(
    made, toy, demo_data, tmp_path, caplog
):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    config = config_io.apply_overrides(config, ["data.num_concepts=7", "data.max_vocab_size=20"])
    with caplog.at_level("INFO"):
        trainer = Trainer(
            config, "joint", demo_data, tmp_path / "run", TrainerOptions(init_from=made.path)
        )
    assert trainer.sources["init_from: encoder"] == "whole"
    assert trainer.sources["init_from: cell"] == "whole"
    assert trainer.sources["init_from: concepts"] == "7 of 7"
    (line,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Copied from")]
    assert "encoder whole; concepts 7 of 7; cell whole; words " in line
    results = trainer.train()
    assert results["steps"] == 2
    assert results["weights_from"]["init_from: encoder"] == "whole"
    assert read_provenance(tmp_path / "run").started_from_model


@pytest.fixture
def copied(made, tmp_path):
    return Path(shutil.copytree(made.path, tmp_path / "copy"))


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 64
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("variables/variables.data-00000-of-00001", "the weights are not|is missing or damaged"),
        ("variables/variables.index", "must hold variables/variables.index as it was written"),
        ("assets.extra/vocabulary.txt", "must hold assets.extra/vocabulary.txt as it was written"),
        (f"assets.extra/{STATISTICS_FILE}", "must hold assets.extra/batch_norm.npz as it was"),
    ],
)
def test_a_damaged_export_is_refused_by_one_line(copied, file, says):
    flip_a_byte(copied / file)
    with pytest.raises(ValueError, match=rf"`init_from` .*({says})") as caught:
        open_donor(copied)
    assert "\n" not in str(caught.value)


def rewrite_info(folder, change):
    path = folder / INFO_FILE
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(digests.with_own_digest(info)))


def test_exports_of_other_versions_or_weights_are_refused(copied):
    rewrite_info(copied, lambda info: info.update(weights_sha256="0" * 64))
    with pytest.raises(ValueError, match=r"`init_from` .*the weights are not those"):
        open_donor(copied)
    rewrite_info(copied, lambda info: info.update(format_version=1))
    with pytest.raises(ValueError, match=r"`init_from` must hold an export of format version 2"):
        open_donor(copied)


def test_an_export_from_before_they_could_be_trained_is_told_apart(copied):
    (copied / "assets.extra" / STATISTICS_FILE).unlink()
    rewrite_info(copied, lambda i: i["digests"].pop(f"assets.extra/{STATISTICS_FILE}"))
    with pytest.raises(ValueError, match=r"`init_from` .*batch_norm.npz is missing"):
        open_donor(copied)


def test_training_from_an_export_of_before_digests_says_so_in_one_line(copied, caplog):
    rewrite_info(copied, lambda info: info.pop("digests"))
    path = copied / INFO_FILE
    info = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in info.items() if k != digests.OWN_DIGEST}))
    with caplog.at_level("WARNING"):
        load_exported(copied)
    told = [record.getMessage() for record in caplog.records if "digests" in record.getMessage()]
    assert told == [f"{copied} has no digests: an earlier version exported it"]


def test_a_foreign_folder_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "foreign"))
    for folder in (tmp_path / "foreign", tmp_path / "no"):
        with pytest.raises(ValueError, match=r"`init_from` must be the work directory of a run, "):
            open_donor(folder)


@pytest.mark.large
def test_the_shipped_model_can_be_trained_on():
    donor = open_donor(SHIPPED)
    assert donor.saw_images
    assert len(donor.vocabularies.concepts) == 1_000
    kernel = np.array(donor.annotator.head.get_layer("image_logits").kernel)
    assert np.isfinite(kernel).all() and kernel.std() > 1e-3
