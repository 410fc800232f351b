"""What a decoder asks for of a frozen encoder is on disk, and read as if the encoder had run."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split, training_batches
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.features import frozen_outputs, visual_keys


@pytest.fixture(scope="module")
def frozen(toy, demo_data):
    """Config, models and validation split of a captioner that attends to a frozen CNN's map."""
    config = toy(experiments.get("demo_captions/soft_attention"))
    encoder = dataclasses.replace(config.encoder, trainable=False)
    config = dataclasses.replace(config, encoder=encoder)
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
    return config, annotator, load_split(builder, "validation", vocabularies, config.data)


def test_the_config_decides_what_is_read(frozen):
    config = frozen[0]
    assert visual_keys(config) == (batch.FEATURES, batch.SPATIAL_FEATURES)
    trained = dataclasses.replace(config.encoder, trainable=True)
    assert visual_keys(dataclasses.replace(config, encoder=trained)) == (batch.IMAGE,)
    pooled = (dataclasses.replace(config.conditionings[0], embedding="features"),)
    assert visual_keys(dataclasses.replace(config, conditionings=pooled)) == (batch.FEATURES,)


def test_cached_maps_are_the_encoders(frozen, tmp_path):
    config, annotator, split = frozen
    keys = visual_keys(config)
    cached = frozen_outputs(annotator, split, tmp_path, keys, lambda: split, views=2)
    assert set(cached) == set(keys)
    cells, channels = annotator.map_shape
    assert cached[batch.SPATIAL_FEATURES].shape == (split.num_images, 2, cells, channels)
    read = Inputs(split, (*keys, batch.IMAGE_ID), config.image, 32, **cached)
    (of_images,) = evaluation_batches(Inputs(split, (batch.IMAGE,), config.image, 32), 64)
    (of_cache,) = evaluation_batches(read, 64)
    outputs = annotator.encoder({"image": of_images[batch.IMAGE]})
    for key in keys:
        np.testing.assert_allclose(of_cache[key], outputs[key], atol=1e-5)
    # A training batch takes features and map of one image from one view.
    tensors = next(iter(training_batches(read, 8, seed=1)))
    order = {i: row for row, i in enumerate(split.encoded.image_ids)}
    views = []
    for image_id, *values in zip(
        *(tensors[k].numpy() for k in (batch.IMAGE_ID, *keys)), strict=True
    ):
        stored = [cached[k][order[image_id.decode()]] for k in keys]
        same = [
            [np.allclose(v, s[view]) for view in (0, 1)]
            for v, s in zip(values, stored, strict=True)
        ]
        assert same[0] == same[1] and sum(same[0]) >= 1
        views.append(tuple(same[0]))
    assert len(set(views)) > 1
    again = frozen_outputs(annotator, split, tmp_path, keys, lambda: split, views=2)
    for key in keys:
        np.testing.assert_array_equal(again[key], cached[key])
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_gradient_reaches_every_weight_of_the_decoder_from_a_batch(frozen, tmp_path):
    config, annotator, split = frozen
    keys = (*visual_keys(config), *batch.SEQUENCE_KEYS)
    cached = frozen_outputs(annotator, split, tmp_path, keys, lambda: split)
    tensors = next(iter(training_batches(Inputs(split, keys, config.image, 32, **cached), 8, 0)))
    ids, mask = tensors[batch.INPUT_IDS], tensors[batch.PADDING_MASK]
    with tf.GradientTape() as tape:
        outputs = annotator.encode(tensors, training=True)
        logits, *_ = annotator.decoder.packed_logits(outputs, ids, mask, training=True)
        loss = tf.reduce_sum(tf.nn.log_softmax(logits)[:, 0])
    variables = annotator.decoder.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert float(tf.norm(tf.convert_to_tensor(gradient))) > 0, variable.path


@pytest.mark.parametrize("shape", [(8, 1, 3), (7, 1, 4, 3)])
def test_maps_of_another_shape_are_refused(frozen, shape):
    split = frozen[2]
    with pytest.raises(ValueError, match=r"`spatial_features` must be \(images, views, cells, d\)"):
        Inputs(split, (batch.SPATIAL_FEATURES,), spatial_features=np.zeros(shape, np.float32))
