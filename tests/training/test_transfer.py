"""Starting from another model: what matches by name is taken, the rest stays."""

import dataclasses

import numpy as np
import pytest

from semreg_tf import config_io, experiments
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions
from semreg_tf.training.transfer import init_from, open_donor


@pytest.fixture(scope="module")
def source(toy, demo_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "run"
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    trainer = Trainer(config, "joint", demo_data, path)
    trainer.train()
    return path, trainer


def test_matching_rows_are_taken_and_others_kept(source, toy, demo_data, tmp_path):
    path, other = source
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    # Fewer words and concepts: other ids for the same names.
    config = config_io.apply_overrides(
        config, ["data.num_concepts=7", "data.max_vocab_size=20", "seed=5"]
    )
    trainer = Trainer(config, "joint", demo_data, tmp_path / "run")
    made, before = trainer.annotator, np.array(trainer.annotator.decoder.embedding)
    taken = init_from(made, trainer.vocabularies, open_donor(path))
    assert taken["encoder"] == taken["cell"] == "whole"
    assert taken["concepts"] == "7 of 7"
    output, theirs = trainer.vocabularies.output, other.vocabularies.output
    embedding = np.array(made.decoder.embedding)
    for name, i in [(n, i) for i, n in enumerate(output.names)] + [(None, output.start_id)]:
        j = theirs.start_id if name is None else theirs.names.index(name)
        np.testing.assert_array_equal(embedding[i], np.array(other.annotator.decoder.embedding)[j])
    assert not np.array_equal(embedding, before)
    kernel = np.array(made.head.get_layer("image_logits").kernel)
    theirs_kernel = np.array(other.annotator.head.get_layer("image_logits").kernel)
    for i, name in enumerate(trainer.vocabularies.concepts.names):
        j = other.vocabularies.concepts.names.index(name)
        np.testing.assert_array_equal(kernel[:, i], theirs_kernel[:, j])
    end = np.array(made.decoder.output_layer.bias)[output.end_id]
    assert end == np.array(other.annotator.decoder.output_layer.bias)[theirs.end_id]


def test_names_without_a_match_keep_their_first_value(source, toy, demo_data, tmp_path):
    path, _ = source
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    trainer = Trainer(config, "joint", demo_data, tmp_path / "run")
    before = np.array(trainer.annotator.head.get_layer("image_logits").kernel)
    init_from(trainer.annotator, trainer.vocabularies, open_donor(path))
    after = np.array(trainer.annotator.head.get_layer("image_logits").kernel)
    names = trainer.vocabularies.concepts.names
    known = [n in source[1].vocabularies.concepts.names for n in names]
    assert not all(known)
    for i, is_known in enumerate(known):
        assert np.array_equal(before[:, i], after[:, i]) is not is_known


def test_a_hidden_layer_is_taken_whole_or_no_row_behind_it(source, toy, demo_data, tmp_path):
    config = config_io.apply_overrides(
        toy(experiments.get("demo_captions/s_cnn_rnn")), ["concepts.hidden_units=6", "seed=5"]
    )
    other = Trainer(config, "unary", demo_data, tmp_path / "hidden")
    other.train()
    made = Trainer(
        config, "unary", demo_data, tmp_path / "run", TrainerOptions(init_from=tmp_path / "hidden")
    )
    for name in ("image_hidden", "image_logits"):
        layers = (t.annotator.head.get_layer(name).variables for t in (made, other))
        for mine, theirs in zip(*layers, strict=True):
            np.testing.assert_array_equal(np.array(mine), np.array(theirs))
    before = np.array(made.annotator.head.get_layer("image_logits").bias)
    taken = init_from(made.annotator, made.vocabularies, open_donor(source[0]))
    assert taken["concepts"] == "nothing: another number of hidden units"
    after = np.array(made.annotator.head.get_layer("image_logits").bias)
    np.testing.assert_array_equal(before, after)


def test_another_encoder_is_refused(source, toy, demo_data, tmp_path):
    path, _ = source
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    config = dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, name="squeezenet_v1_1"),
        image=dataclasses.replace(config.image, size=64),
    )
    with pytest.raises(ValueError, match=r"`init_from` must have .*'squeezenet_v1_1'"):
        Trainer(config, "joint", demo_data, tmp_path / "run", TrainerOptions(init_from=path))
    assert not (tmp_path / "run").exists()


def test_the_layers_between_the_words_are_taken_whole(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/mrnn"))
    other = Trainer(config, "joint", demo_data, tmp_path / "source")
    other.train()
    config = config_io.apply_overrides(config, ["data.max_vocab_size=20", "seed=5"])
    trainer = Trainer(config, "joint", demo_data, tmp_path / "run")
    init_from(trainer.annotator, trainer.vocabularies, open_donor(tmp_path / "source"))
    ours, theirs = trainer.annotator.decoder, other.annotator.decoder
    layers = [
        (ours.second_embedding, theirs.second_embedding),
        (ours.cell, theirs.cell),
        (ours.conditionings[0], theirs.conditionings[0]),
    ]
    for mine, its in layers:
        for variable, value in zip(mine.variables, its.variables, strict=True):
            np.testing.assert_array_equal(np.array(variable), np.array(value))
