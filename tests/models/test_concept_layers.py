"""Messages between layers of concepts against a loop over layers, concepts and relations."""

import math

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import (
    ConceptConfig,
    ConceptLayersConfig,
    Config,
    DataConfig,
    EncoderConfig,
)
from semreg_tf.models.concept_head import build_concept_head, label_bias
from semreg_tf.models.concept_layers import MessagePassing, observed_scores

SIZES = (3, 5, 4)
BATCH, D = 2, 6


def random_layer(form, sizes=SIZES, predicted=(0, 1, 2), seed=0):
    layer = MessagePassing(form, sizes, predicted)
    rng = np.random.default_rng(seed)
    scores = [rng.normal(size=(BATCH, n)).astype("f") for n in sizes]
    layer(scores)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    relations = {}
    for i in range(len(sizes)):
        for j in range(max(i - 1, 0), min(i + 2, len(sizes))):
            draw = rng.random((sizes[i], sizes[j]))
            relations[i, j] = (draw < 0.4).astype("f"), (draw > 0.7).astype("f")
    if form != "linear":
        layer.set_relations(relations)
    return layer, scores, relations


def by_name(layer):
    return {v.name: np.asarray(v) for v in layer.variables}


def message(weights, name, form, relation, x):
    """The positive and the negative message, concept by concept."""
    if form == "linear":
        return [x @ weights[name]]
    found = []
    for sign, mask in zip(("positive", "negative"), relation, strict=True):
        kernel = weights[f"{name}_{sign}"]
        out = np.zeros(kernel.shape[1])
        for i in range(kernel.shape[0]):
            for j in range(kernel.shape[1]):
                if mask[i, j]:
                    out[j] += x[i] * kernel[i, j]
        found.append(out)
    return found


def state(weights, direction, layer, previous, x, form, relations):
    own = message(weights, f"{direction}_{layer}_to_{layer}", form, relations[layer, layer], x)
    parts = [own]
    if previous is not None:
        source, came = previous
        name = f"{direction}_{source}_to_{layer}"
        parts.append(message(weights, name, form, relations[source, layer], came))
    bias = weights[f"{direction}_{layer}_bias"]
    if form == "linear":
        return sum(p[0] for p in parts) + bias
    if form == "signed_sum":
        positive, negative = (sum(p[i] for p in parts) for i in (0, 1))
        return np.maximum(positive, 0) - np.maximum(negative, 0) + bias
    positive = sum(np.maximum(p[0], 0) for p in parts)
    return positive - sum(np.maximum(p[1], 0) for p in parts) + bias


def loop(layer, scores, relations, form, predicted):
    weights, number = by_name(layer), len(scores)
    found = {i: np.zeros((BATCH, scores[i].shape[1])) for i in predicted}
    for row in range(BATCH):
        states = {}
        for direction, order in (("down", range(number)), ("up", range(number - 1, -1, -1))):
            previous = None
            for i in order:
                if f"{direction}_{i}_bias" not in weights:
                    continue
                x = scores[i][row].astype(float)
                states[direction, i] = state(weights, direction, i, previous, x, form, relations)
                previous = i, states[direction, i]
        for i in predicted:
            found[i][row] = weights[f"readout_{i}_bias"] + sum(
                states[d, i] @ weights[f"{d}_{i}_readout"] for d in ("down", "up")
            )
    return [found[i] for i in predicted]


@pytest.mark.parametrize("form", ["linear", "signed", "signed_sum"])
@pytest.mark.parametrize("predicted", [(0, 1, 2), (1,), (0,)])
def test_logits_are_those_of_the_loop(form, predicted):
    layer, scores, relations = random_layer(form, predicted=predicted)
    made = layer([tf.constant(x) for x in scores])
    want = loop(layer, scores, relations, form, predicted)
    assert len(made) == len(predicted)
    for ours, theirs in zip(made, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_one_layer_alone_has_its_own_relations():
    layer, scores, relations = random_layer("signed", (5,), (0,))
    (made,) = layer([tf.constant(scores[0])])
    (want,) = loop(layer, scores, relations, "signed", (0,))
    np.testing.assert_allclose(made, want, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", ["linear", "signed", "signed_sum"])
@pytest.mark.parametrize("predicted", [(0, 1, 2), (1,), (2,)])
def test_every_weight_reaches_a_predicted_layer_and_trains(form, predicted):
    layer, scores, relations = random_layer(form, predicted=predicted)
    if form != "linear":
        layer.set_relations(
            {k: (np.ones_like(p), np.ones_like(p)) for k, (p, _) in relations.items()}
        )
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_sum(x**2) for x in layer([tf.constant(x) for x in scores]))
    values = [v.value for v in layer.trainable_variables]
    for variable, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, values), strict=True
    ):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.path


def test_weights_of_concepts_that_are_not_related_get_no_gradient():
    layer, scores, relations = random_layer("signed")
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_sum(x**2) for x in layer([tf.constant(x) for x in scores]))
    masked = [v for v in layer.trainable_variables if "tive" in v.name]
    gradients = tape.gradient(loss, [v.value for v in masked])
    for variable, gradient in zip(masked, gradients, strict=True):
        _, source, _, target, sign = variable.name.split("_")
        positive, negative = relations[int(source), int(target)]
        there = positive if sign == "positive" else negative
        assert not np.asarray(gradient)[there == 0].any(), variable.name


def test_the_linear_form_is_affine_and_the_signed_ones_are_not():
    for form, affine in (("linear", True), ("signed", False), ("signed_sum", False)):
        layer, scores, _ = random_layer(form)
        other = [x[::-1].copy() for x in scores]

        def at(share, layer=layer, scores=scores, other=other):
            mixed = [share * a + (1 - share) * b for a, b in zip(scores, other, strict=True)]
            return np.asarray(layer([tf.constant(x) for x in mixed])[1])

        assert np.allclose(at(0.5), (at(1.0) + at(0.0)) / 2, atol=1e-3) is affine


def test_masked_weights_begin_small_and_above_zero():
    layer = MessagePassing("signed", (40, 50), (1,))
    layer.build()
    kernel = np.asarray(next(v for v in layer.variables if v.name == "down_0_to_1_positive"))
    assert (kernel >= 0).all()
    # The mean of |N(0, 0.01)|.
    assert kernel.mean() == pytest.approx(0.01 * math.sqrt(2 / math.pi), rel=0.1)


def test_an_observed_concept_scores_the_odds_of_epsilon():
    scores = np.asarray(observed_scores(np.array([[0.0, 1.0]], "f"), 0.005))
    np.testing.assert_allclose(scores, [[-5.293, 5.293]], atol=1e-3)


def head_of(form="signed", **fields):
    config = Config(
        data=DataConfig(task="tags", num_user_tags=4, num_groups=3),
        encoder=EncoderConfig(trainable=False),
        concepts=ConceptConfig(layers=ConceptLayersConfig(form=form, **fields)),
    )
    head, _ = build_concept_head(config, D, 5)
    rng = np.random.default_rng(1)
    for variable in head.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    inputs = {
        "features": rng.normal(size=(BATCH, D)).astype("f"),
        "groups": np.eye(3, dtype="f")[:BATCH],
        "user_tags": (rng.random((BATCH, 4)) < 0.5).astype("f"),
    }
    return config, head, {k: x for k, x in inputs.items() if k in head.input}


def test_observed_layers_are_clamped_to_their_truth_and_read_no_image():
    config, head, inputs = head_of()
    assert set(inputs) == {"features", "groups", "user_tags"}
    assert [layer.name for layer in head.layers if layer.name.endswith("_scores")] == [
        "concepts_scores"
    ]
    labels = head.get_layer("concepts_scores")
    scores = [
        np.where(inputs["groups"] > 0, 5.293305, -5.293305),
        inputs["features"] @ np.asarray(labels.kernel) + np.asarray(labels.bias),
        np.where(inputs["user_tags"] > 0, 5.293305, -5.293305),
    ]
    ones = {
        (i, j): (np.ones((a, b)),) * 2 for i, a in enumerate(SIZES) for j, b in enumerate(SIZES)
    }
    (want,) = loop(head.get_layer("messages"), scores, ones, "signed", (1,))
    made = head(inputs)
    np.testing.assert_allclose(made["concept_logits"], want, rtol=1e-3, atol=1e-3)
    assert set(made) == {"features", "concept_logits", "concept_probabilities"}
    bias = label_bias(config, head)
    bias.assign(bias + 1.0)
    np.testing.assert_allclose(head(inputs)["concept_logits"], want + 1.0, rtol=1e-3, atol=1e-3)


def test_layers_that_are_not_observed_are_predicted_from_the_image():
    config, head, inputs = head_of("linear", observed=("groups",))
    assert (config.observed_layers, config.predicted_layers) == (("groups",), ("user_tags",))
    assert set(inputs) == {"features", "groups"}
    assert head(inputs)["user_tags_logits"].shape == (BATCH, 4)
    config, head, inputs = head_of(observed=())
    assert set(inputs) == {"features"}
    assert set(head(inputs)) >= {"groups_logits", "user_tags_logits", "concept_logits"}


def test_the_layer_is_made_again_from_its_config():
    layer, scores, _ = random_layer("signed", predicted=(1,))
    again = MessagePassing.from_config(layer.get_config())
    again(scores)
    for variable, value in zip(again.variables, layer.variables, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(again(scores)[0], layer(scores)[0])
    assert layer.compute_output_shape([(2, n) for n in SIZES]) == [(2, 5)]
