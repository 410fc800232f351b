"""Two views at test: outputs are the means over an image and its mirror image, by NumPy."""

import copy
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import ConditioningConfig, Config, ImageConfig, PlacesConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.features import model_inputs

NAME = "demo_tags/cnn_logistic"


@pytest.fixture(scope="module")
def model(toy, demo_data):
    """A CNN of one view whose images and mirror images differ, its names, and a split."""
    config = toy(experiments.get(NAME))
    encoder = dataclasses.replace(config.encoder, trainable=False)
    config = dataclasses.replace(config, encoder=encoder)
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
    rng = np.random.default_rng(0)
    for group in (annotator.encoder.trainable_variables, annotator.head.trainable_variables):
        for variable in group:
            scale = np.sqrt(3 / max(1, np.prod(variable.shape[:-1])))
            variable.assign(rng.normal(scale=scale, size=variable.shape))
    split = load_split(builder, "validation", vocabularies, config.data)
    return annotator, vocabularies, split


def of_two_views(annotator):
    both = copy.copy(annotator)
    both.set_test_views(2)
    return both


def images():
    return np.random.default_rng(1).normal(size=(3, 32, 32, 3)).astype("f")


def test_images_are_encoded_with_their_mirror_images(model):
    annotator, *_ = model
    x = images()
    each = [annotator.encode({"image": tf.constant(v)}) for v in (x, x[:, :, ::-1].copy())]
    found = of_two_views(annotator).encode({"image": tf.constant(x)})
    assert found.keys() == each[0].keys()
    for name, values in found.items():
        first, second = (np.asarray(outputs[name], np.float64) for outputs in each)
        np.testing.assert_allclose(values, (first + second) / 2, 1e-4, 1e-5, err_msg=name)
    assert np.abs(first - second).max() > 1e-3
    # Training reads one view.
    trained = of_two_views(annotator).encode({"image": tf.constant(x)}, training=True)
    assert trained["concept_logits"].shape[0] == len(x)


def test_cached_features_of_both_views_give_the_same_concepts(model, tmp_path):
    annotator, _, split = model
    both = of_two_views(annotator)
    keys = (batch.FEATURES, batch.IMAGE)
    inputs = model_inputs(both, split, keys, tmp_path, lambda: split)
    assert inputs.features.shape[:2] == (split.num_images, 2)
    (tensors,) = evaluation_batches(inputs, 64)
    # NumPy: the mean of the sigmoids of W f + b.
    layer = annotator.head.get_layer("image_logits")
    logits = np.asarray(inputs.features, np.float64) @ np.array(layer.kernel) + np.array(layer.bias)
    expected = (1 / (1 + np.exp(-logits))).mean(axis=1)
    for key in keys:
        found = both.encode({key: tensors[key]})["concept_probabilities"]
        np.testing.assert_allclose(found, expected, 1e-3, 1e-5)
    # One view reads the centre alone, also of a cache of both.
    one = Inputs(split, keys[:1], annotator.config.image, 32, features=inputs.features)
    (tensors,) = evaluation_batches(one, 64)
    np.testing.assert_array_equal(tensors[batch.FEATURES], inputs.features[:, 0])
    with pytest.raises(ValueError, match=r"`features` must have two views.*shape \(8, "):
        both.encode({batch.FEATURES: tensors[batch.FEATURES]})


def test_an_export_reads_both_views_and_no_single_vector(model):
    annotator, vocabularies, _ = model
    both = of_two_views(annotator)
    served = ServedAnnotator(both.config, vocabularies, annotator)
    x = tf.constant(images())
    valid = tf.ones(3, tf.bool)
    expected = both.encode({"image": x})["concept_probabilities"]
    # Of pixels, and of the outputs of a CNN that two models share.
    for inputs in ({"image": x}, served.encode_pixels(x)):
        found = served.answer(inputs, valid)["concept_probabilities"]
        np.testing.assert_allclose(found, expected, 1e-4, 1e-6)
    assert annotator.config.image.test_views == 1
    assert not served.reads_features
    assert ServedAnnotator(annotator.config, vocabularies, annotator).reads_features


def test_two_views_of_a_map_that_is_read_or_of_crops_are_refused():
    image = ImageConfig(test_views=2)
    assert Config(image=image).image.test_views == 2
    message = r"`image.test_views` must be 1 where .*mirror image\. Received: image.test_views=2"
    attention = (ConditioningConfig(kind="soft_attention", embedding="spatial_features"),)
    with pytest.raises(ValueError, match=message):
        Config(image=image, conditionings=attention, stages=("joint",))
    concepts = dataclasses.replace(Config().concepts, places=PlacesConfig(kind="crops"))
    with pytest.raises(ValueError, match=message):
        Config(image=image, concepts=concepts)
