"""Encoders and experiments of a user's own, without an edit of the package."""

import dataclasses

import keras
import pytest

import semreg_tf
from semreg_tf import registered_encoders
from semreg_tf.experiments import _REGISTERED


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """Leaves the registries as they were."""
    monkeypatch.setattr("semreg_tf.experiments._REGISTERED", dict(_REGISTERED))
    before = dict(registered_encoders.REGISTERED)
    yield
    registered_encoders.REGISTERED.clear()
    registered_encoders.REGISTERED.update(before)


def tiny(images, with_top):
    assert not with_top
    return keras.layers.Conv2D(6, 5, strides=4, activation="relu")(images), None


def test_an_experiment_with_an_encoder_of_ones_own_is_built(toy):
    semreg_tf.register_encoder("tiny", tiny, default_size=32)
    base = toy(semreg_tf.experiments.get("demo_tags/s_cnn_rnn"))
    encoder = dataclasses.replace(base.encoder, name="tiny")
    semreg_tf.register_experiment("mine/tiny", dataclasses.replace(base, encoder=encoder))
    assert "mine/tiny" in semreg_tf.experiments.names()
    assert semreg_tf.experiments.get("mine/tiny").name == "mine/tiny"
    assert semreg_tf.experiments.base_of("mine/tiny").encoder.name == "tiny"
    annotator = semreg_tf.build("mine/tiny", num_concepts=3, vocab_size=4)
    assert annotator.encoder.output["features"].shape == (None, 6)


def test_a_function_may_make_the_config():
    semreg_tf.register_experiment("mine/ria", lambda: semreg_tf.experiments.get("demo_tags/ria"))
    assert semreg_tf.experiments.get("mine/ria").name == "mine/ria"


@pytest.mark.parametrize("name", ["demo_tags/ria", "noslash", "/x", "x/"])
def test_names_that_are_taken_or_have_no_data_set_are_refused(name):
    config = semreg_tf.experiments.get("demo_tags/ria")
    with pytest.raises(ValueError, match="`name` must be <data set>/<system>"):
        semreg_tf.register_experiment(name, config)


def test_what_is_no_config_or_function_is_refused():
    with pytest.raises(TypeError, match="Received: str"):
        semreg_tf.register_experiment("mine/x", "demo_tags/ria")
    with pytest.raises(TypeError, match="`build` must be a function"):
        semreg_tf.register_encoder("x", 3, default_size=32)


def test_an_encoder_is_registered_once_under_a_name():
    semreg_tf.register_encoder("tiny", tiny, default_size=32)
    semreg_tf.register_encoder("tiny", tiny, default_size=48)
    with pytest.raises(ValueError, match="must not be registered already"):
        semreg_tf.register_encoder("tiny", lambda images, with_top: None, default_size=32)


def test_an_unknown_encoder_names_the_way_to_register_one(toy):
    base = toy(semreg_tf.experiments.get("demo_tags/s_cnn_rnn"))
    encoder = dataclasses.replace(base.encoder, name="nosuch")
    with pytest.raises(ValueError, match="registered by a module that --import names"):
        semreg_tf.build(dataclasses.replace(base, encoder=encoder), num_concepts=3, vocab_size=4)
