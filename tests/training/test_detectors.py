"""Detectors over places of a picture: what is cached, fed and trained, and what rests."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import PlacesConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split, training_batches
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import GROUPS, Annotator
from semreg_tf.training.features import frozen_outputs, head_keys, visual_keys
from semreg_tf.training.phases import find_stage

V2L, MSRCAP = "demo_captions/v2l", "demo_captions/msrcap_like"


def frozen(config, trainable=False):
    encoder = dataclasses.replace(config.encoder, trainable=trainable)
    return dataclasses.replace(config, encoder=encoder)


def models(toy, demo_data, name, trainable=False):
    config = frozen(toy(experiments.get(name)), trainable)
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
    rng = np.random.default_rng(0)
    for variable in annotator.head.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return config, annotator, load_split(builder, "validation", vocabularies, config.data)


@pytest.fixture(scope="module")
def crops(toy, demo_data):
    return models(toy, demo_data, V2L)


@pytest.fixture(scope="module")
def cells(toy, demo_data):
    return models(toy, demo_data, MSRCAP)


def images_of(config, split):
    (tensors,) = evaluation_batches(Inputs(split, (batch.IMAGE,), config.image, 32), 64)
    return tensors[batch.IMAGE]


@pytest.mark.parametrize("kind", ["crops", "cells"])
def test_the_head_pools_its_scores_of_all_places(kind, request):
    """By a loop over crops or cells, from pictures and from what is cached of them."""
    config, annotator, split = request.getfixturevalue(kind)
    images = images_of(config, split)
    layer = annotator.head.get_layer("image_logits")
    if kind == "crops":
        height, width = images.shape[1:3]
        assert (height, width) == (32, 32)
        parts = [images, *(annotator.crops(images)[i::5] for i in range(1, 5))]
        places = [annotator.encoder({"image": x})["features"] for x in parts]
        logits = np.max([layer(x) for x in places], axis=0)
        want = 1 / (1 + np.exp(-logits))
        assert annotator.num_places == 5
    else:
        grid = annotator.encoder({"image": images})["spatial_features"]
        absent = [1 / (1 + np.exp(layer(grid[:, i]))) for i in range(grid.shape[1])]
        want = 1 - np.prod(absent, axis=0)
        assert annotator.num_places == grid.shape[1]
    made = annotator.encode({"image": images})
    np.testing.assert_allclose(made["concept_probabilities"], want, rtol=1e-4, atol=1e-5)
    whole = annotator.encoder({"image": images})["features"]
    np.testing.assert_allclose(made["features"], whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["crops", "cells"])
def test_what_is_cached_gives_the_same(kind, request, tmp_path):
    config, annotator, split = request.getfixturevalue(kind)
    keys = visual_keys(config)
    assert keys == head_keys(config)
    assert (batch.SPATIAL_FEATURES in keys) == (kind == "cells")
    cached = frozen_outputs(annotator, split, tmp_path, keys, None)
    read = Inputs(split, (*keys, batch.IMAGE_ID), config.image, 32, **cached)
    (tensors,) = evaluation_batches(read, 64)
    made = annotator.encode({k: tensors[k] for k in keys})
    want = annotator.encode({"image": images_of(config, split)})
    for name in ("concept_probabilities", "features"):
        np.testing.assert_allclose(made[name], want[name], rtol=1e-4, atol=1e-5)
    # A batch of training has every crop of its pictures, not one as of views.
    trained = next(iter(training_batches(read, 4, seed=1)))
    assert trained[batch.FEATURES].shape[1:] == tensors[batch.FEATURES].shape[1:]
    again = frozen_outputs(annotator, split, tmp_path, keys, None)
    for key in keys:
        np.testing.assert_array_equal(again[key], cached[key])


def test_other_crops_are_other_caches(crops, tmp_path):
    config, annotator, split = crops
    frozen_outputs(annotator, split, tmp_path, (batch.FEATURES,), None)
    places = PlacesConfig(kind="crops", crop_grids=(2, 3))
    concepts = dataclasses.replace(config.concepts, places=places)
    other = dataclasses.replace(config, concepts=concepts)
    wider = Annotator(other, annotator.num_concepts, annotator.vocab_size)
    wider.encoder.set_weights(annotator.encoder.get_weights())
    found = frozen_outputs(wider, split, tmp_path, (batch.FEATURES,), None)[batch.FEATURES]
    assert found.shape == (split.num_images, 1, 14, annotator.feature_size)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_cnn_that_trains_sees_the_whole_picture_and_then_rests_for_its_crops(toy):
    stage = find_stage(frozen(toy(experiments.get(V2L)), trainable=True), "unary")
    whole, over_crops = stage.phases
    assert (whole.name, over_crops.name) == ("all layers", "crops")
    assert batch.IMAGE in whole.keys and whole.loss.whole_image
    assert "encoder" in whole.groups and whole.loss.moves_statistics
    assert batch.FEATURES in over_crops.keys and batch.IMAGE not in over_crops.keys
    assert over_crops.groups == ("image_head", "tag_model") and not over_crops.loss.whole_image


@pytest.mark.parametrize("kind", ["crops", "cells"])
def test_the_decoder_learns_from_a_detector_at_rest_and_nothing_else_does(kind, request, tmp_path):
    config, annotator, split = request.getfixturevalue(kind)
    (phase,) = find_stage(config, "joint").phases
    assert phase.groups == ("decoder",) and batch.CONCEPTS not in phase.keys
    assert phase.loss.concepts is None and phase.loss.concepts_without_dropout
    cached = frozen_outputs(annotator, split, tmp_path, phase.keys, None)
    read = Inputs(split, phase.keys, config.image, 32, **cached)
    (tensors,) = evaluation_batches(read, 64)
    own = {k: v for k, v in tensors.items() if k != batch.IMAGE_ID}
    with tf.GradientTape(persistent=True) as tape:
        made = phase.loss(annotator, own, tf.constant([0, 0]))
    norms = {}
    for group in GROUPS:
        found = tape.gradient(made["loss"], [v.value for v in annotator.variables(group)])
        norms[group] = [g for g in found if g is not None]
    assert norms["encoder"] == []
    assert all(float(tf.norm(tf.convert_to_tensor(g))) > 0 for g in norms["decoder"])
    assert len(norms["decoder"]) == len(annotator.variables("decoder"))
    # Its own losses would reach the head, but no group of the phase holds it.
    assert "image_head" not in phase.groups and "unary_loss" not in made


def test_the_resting_detector_has_no_dropout(toy, demo_data):
    """Real probabilities: what the decoder learns from is what it is given afterwards."""
    config = toy(experiments.get("demo_captions/v2l_whole_image"))
    encoder = dataclasses.replace(config.encoder, trainable=False, feature_dropout=0.9)
    annotator = Annotator(dataclasses.replace(config, encoder=encoder), 12, 13)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(4, annotator.feature_size)).astype("f")
    given = {batch.FEATURES: tf.constant(features)}
    (phase,) = find_stage(annotator.config, "joint").phases
    resting = phase.loss._outputs(annotator, given)
    probabilities = resting["concept_probabilities"].numpy()
    want = annotator.encode(given)["concept_probabilities"]
    np.testing.assert_array_equal(probabilities, want)
    assert not np.isin(probabilities, [0.0, 1.0]).any()
    # What a decoder reads of the features themselves is dropped as in every stage.
    assert np.mean(resting["features"].numpy() == 0) > 0.7
    unary = find_stage(annotator.config, "unary").phases[0]
    training = unary.loss._outputs(annotator, given)["concept_probabilities"]
    assert np.abs(training - probabilities).max() > 1e-3


def test_biases_of_one_cell_give_the_noisy_or_its_frequencies(toy, demo_data, tmp_path):
    from semreg_tf.training.trainer import Trainer

    trainer = Trainer(frozen(toy(experiments.get(MSRCAP))), "unary", demo_data, tmp_path / "run")
    head, split = trainer.annotator.head, trainer.data.train
    layer = head.get_layer("image_logits")
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    cells = np.zeros((1, *trainer.annotator.map_shape), "f")
    features = np.zeros((1, trainer.annotator.feature_size), "f")
    made = head({"features": features, "spatial_features": cells})["concept_probabilities"][0]
    counts = np.bincount(split.encoded.concepts, minlength=made.shape[0])
    np.testing.assert_allclose(made, (counts + 0.5) / (split.num_images + 1), rtol=1e-3)
