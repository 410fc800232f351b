"""Pooling over neighbourhoods against NumPy: all subsets, those drawn, those too small."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import ConceptConfig, Config, DataConfig, EncoderConfig, NeighbourConfig
from semreg_tf.models.concept_head import build_concept_head
from semreg_tf.models.neighbour_head import NeighbourPooling

BATCH, D, K, TAGS, HIDDEN = 6, 5, 4, 7, 8
COUNT, DRAWN = 6, 3
NUMBERS = (6, 5, 3, 2, 1, 0)


def relu(x):
    return np.maximum(x, 0)


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)


def build(**fields):
    neighbours = NeighbourConfig(count=COUNT, drawn=DRAWN, hidden_units=HIDDEN, **fields)
    config = Config(
        data=DataConfig(task="tags", num_user_tags=TAGS),
        encoder=EncoderConfig(trainable=False),
        concepts=ConceptConfig(neighbours=neighbours),
    )
    head, tag_model = build_concept_head(config, D, K)
    assert tag_model is None
    rng = np.random.default_rng(0)
    for variable in head.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    features = rng.normal(size=(BATCH, COUNT, D)).astype("f")
    inputs = {
        "features": rng.normal(size=(BATCH, D)).astype("f"),
        "neighbour_features": features,
        "neighbour_mask": np.arange(COUNT) < np.array(NUMBERS)[:, None],
        "user_tags": (rng.random((BATCH, TAGS)) < 0.5).astype("f"),
    }
    return head, {k: x for k, x in inputs.items() if k in head.input}


def neighbourhoods(number):
    """Of pictures of fewer neighbours than are drawn, all those there; of none, nothing."""
    return list(itertools.combinations(range(number), DRAWN)) or [tuple(range(number))]


def pooled(head, features, places):
    layer = head.get_layer("neighbour_hidden").dense
    values = [relu(dense(layer, features[i])) for i in places]
    return np.max(values, axis=0) if values else np.zeros(HIDDEN)


@pytest.mark.parametrize("tag_vector", ["hidden", "raw", "none"])
def test_scores_are_the_mean_over_all_neighbourhoods(tag_vector):
    head, inputs = build(tag_vector=tag_vector)
    want = np.zeros((BATCH, K))
    for row, number in enumerate(NUMBERS):
        own = relu(dense(head.get_layer("image_hidden"), inputs["features"][row]))
        tags = []
        if tag_vector == "hidden":
            tags = [relu(dense(head.get_layer("tag_hidden"), inputs["user_tags"][row]))]
        elif tag_vector == "raw":
            tags = [inputs["user_tags"][row]]
        scores = [
            dense(
                head.get_layer("image_logits"),
                np.concatenate([own, pooled(head, inputs["neighbour_features"][row], z), *tags]),
            )
            for z in neighbourhoods(number)
        ]
        assert len(scores) == {6: 20, 5: 10}.get(number, 1)
        want[row] = np.mean(scores, axis=0)
    made = head(inputs)
    np.testing.assert_allclose(made["concept_logits"], want, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made["concept_probabilities"], 1 / (1 + np.exp(-want)), atol=1e-5)


def test_training_draws_one_neighbourhood_of_those_there_each_about_as_often():
    keras.utils.set_random_seed(0)
    head, inputs = build(dropout=0.0)
    layer = head.get_layer("neighbour_hidden")
    read = [tf.constant(inputs["neighbour_features"]), tf.constant(inputs["neighbour_mask"])]
    known = [
        [pooled(head, inputs["neighbour_features"][row], z) for z in neighbourhoods(number)]
        for row, number in enumerate(NUMBERS)
    ]
    seen = [np.zeros(len(own)) for own in known]
    draw = tf.function(lambda: layer(read, training=True))
    for _ in range(400):
        made = np.asarray(draw())
        for row, own in enumerate(known):
            near = [np.allclose(made[row], value, atol=1e-4) for value in own]
            assert any(near)
            seen[row] += np.array(near) / sum(near)
    # Neighbourhoods may share their maxima; of all there are about 400 / 20 each.
    assert (seen[0] > 0).all()
    assert seen[0].min() > 20 / 3
    assert seen[0].max() < 20 * 3


def test_what_is_not_there_gets_no_say_and_gives_no_gradient():
    head, inputs = build()
    other = dict(inputs)
    noise = np.where(inputs["neighbour_mask"][..., None], 0.0, 9.0).astype("f")
    other["neighbour_features"] = inputs["neighbour_features"] + noise
    made = [head(x)["concept_logits"] for x in (inputs, other)]
    np.testing.assert_array_equal(*made)
    inputs = {k: tf.constant(x) for k, x in inputs.items()}
    features = inputs["neighbour_features"]
    with tf.GradientTape() as tape:
        tape.watch(features)
        loss = tf.reduce_sum(head(inputs)["concept_logits"])
    reached = np.abs(tape.gradient(loss, features)).sum(axis=2) > 0
    assert not reached[~inputs["neighbour_mask"].numpy()].any()
    assert reached.any(axis=1).tolist() == [number > 0 for number in NUMBERS]


def test_every_weight_trains():
    head, inputs = build()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(head(inputs, training=True)["concept_logits"] ** 2)
    for variable, gradient in zip(
        head.trainable_variables,
        tape.gradient(loss, [v.value for v in head.trainable_variables]),
        strict=True,
    ):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.path


def test_the_neighbours_map_is_not_the_pictures_own():
    head, _ = build()
    sizes = {v.path: tuple(v.shape) for v in head.trainable_variables}
    assert sizes == {
        "image_hidden/kernel": (D, HIDDEN),
        "image_hidden/bias": (HIDDEN,),
        "neighbour_hidden/map/kernel": (D, HIDDEN),
        "neighbour_hidden/map/bias": (HIDDEN,),
        "tag_hidden/kernel": (TAGS, HIDDEN),
        "tag_hidden/bias": (HIDDEN,),
        "image_logits/kernel": (3 * HIDDEN, K),
        "image_logits/bias": (K,),
    }


def test_the_layer_is_made_again_from_its_config():
    layer = NeighbourPooling(HIDDEN, DRAWN, name="pool")
    again = NeighbourPooling.from_config(layer.get_config())
    assert (again.units, again.drawn, again.name) == (HIDDEN, DRAWN, "pool")
    features, mask = keras.Input((COUNT, D)), keras.Input((COUNT,), dtype="bool")
    assert layer([features, mask]).shape == (None, HIDDEN)
