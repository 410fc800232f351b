"""The concept head and the user tags' perceptron against NumPy (Sec. 3.2, 4.1)."""

import keras
import numpy as np
import pytest

from semreg_tf.config import ConceptConfig, ConditioningConfig, Config, DataConfig, EncoderConfig
from semreg_tf.models.concept_head import STANDARDISE, build_concept_head

BATCH, D, K, TAGS = 3, 7, 5, 11


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def build(**fields):
    tags = fields.pop("tags", 0)
    encoder = fields.pop("encoder", EncoderConfig())
    config = Config(
        data=DataConfig(num_user_tags=tags),
        encoder=encoder,
        concepts=ConceptConfig(**fields),
        conditionings=(ConditioningConfig(),),
    )
    head, tag_model = build_concept_head(config, D, K)
    rng = np.random.default_rng(0)
    for variable in head.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    inputs = {"features": rng.normal(size=(BATCH, D)).astype("f")}
    if tags:
        inputs["user_tags"] = (rng.random((BATCH, TAGS)) < 0.3).astype("f")
    return head, tag_model, inputs


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)


def numpy_logits(head, tag_model, inputs):
    image = dense(head.get_layer("image_logits"), inputs["features"])
    hidden = np.maximum(dense(tag_model.get_layer("tag_hidden"), inputs["user_tags"]), 0)
    return image, dense(tag_model.get_layer("tag_logits"), hidden)


def test_probabilities_are_the_sigmoid_of_one_layer():
    head, tag_model, inputs = build()
    made = head(inputs)
    want = dense(head.get_layer("image_logits"), inputs["features"])
    assert tag_model is None
    np.testing.assert_allclose(made["concept_logits"], want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made["concept_probabilities"], sigmoid(want), rtol=1e-4, atol=1e-5)


def test_a_hidden_layer_stands_between_features_and_prediction():
    head, _, inputs = build(hidden_units=6)
    hidden = np.maximum(dense(head.get_layer("image_hidden"), inputs["features"]), 0)
    assert hidden.shape == (BATCH, 6)
    want = dense(head.get_layer("image_logits"), hidden)
    made = head(inputs)
    np.testing.assert_allclose(made["concept_logits"], want, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(made["features"], inputs["features"])


def test_softmax_row_has_softmax_probabilities():
    head, _, inputs = build(loss="softmax")
    logits = dense(head.get_layer("image_logits"), inputs["features"])
    want = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(head(inputs)["concept_probabilities"], want, rtol=1e-4)


def test_tags_are_summed_as_logits():
    head, tag_model, inputs = build(tags=TAGS)
    image, tags = numpy_logits(head, tag_model, inputs)
    made = head(inputs)
    np.testing.assert_allclose(made["concept_logits"], image + tags, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made["concept_probabilities"], sigmoid(image + tags), atol=1e-5)
    np.testing.assert_allclose(made["image_logits"], image, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made["tag_logits"], tags, rtol=1e-4, atol=1e-4)


def test_tags_as_probabilities_are_summed_and_clipped_with_finite_logits():
    head, tag_model, inputs = build(tags=TAGS, tag_fusion="probabilities")
    image, tags = numpy_logits(head, tag_model, inputs)
    want = np.clip(sigmoid(image) + sigmoid(tags), 1e-6, 1 - 1e-6)
    made = head(inputs)
    assert (want > 0.999).any()
    np.testing.assert_allclose(made["concept_probabilities"], want, atol=1e-5)
    assert np.isfinite(made["concept_logits"]).all()


def test_hidden_layer_has_256_relu_units():
    _, tag_model, _ = build(tags=TAGS)
    assert tag_model.count_params() == (TAGS + 1) * 256 + 257 * K


def test_features_are_standardised_by_set_statistics():
    head, _, inputs = build(encoder=EncoderConfig(standardise=True))
    np.testing.assert_array_equal(head(inputs)["features"], inputs["features"])
    mean, deviation = np.arange(D, dtype="f"), np.array([0.0] + [2.0] * (D - 1), "f")
    head.get_layer(STANDARDISE).set_statistics(mean, deviation)
    scale = np.array([1.0] + [2.0] * (D - 1))
    np.testing.assert_allclose(
        head(inputs)["features"], (inputs["features"] - mean) / scale, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("tags", [0, TAGS])
def test_saves_and_loads(tags, tmp_path):
    head, _, inputs = build(tags=tags, encoder=EncoderConfig(standardise=True))
    head.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras")
    for name, value in head(inputs).items():
        np.testing.assert_array_equal(loaded(inputs)[name], value, err_msg=name)
