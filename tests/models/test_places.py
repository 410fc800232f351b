"""Crops and the pooling of places' scores, held against NumPy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.losses import sigmoid_concept_loss
from semreg_tf.models.places import GridCrops, PlacesPooling, crop_boxes, noisy_or

# Below it float32 holds nothing.
TINY = 1e-37


def exact_log_odds(z):
    """log P - log(1 - P) of P = 1 - prod (1 - sigmoid(z)), by logarithms of float64 alone."""
    z = np.asarray(z, np.longdouble)
    total = np.logaddexp(0.0, z).sum(-2)
    return np.where(
        total > 1e-30, total + np.log(-np.expm1(-np.maximum(total, 1e-30))), np.log(total)
    )


def test_noisy_or_is_one_minus_the_product_of_absences():
    z = np.random.default_rng(0).normal(scale=2.0, size=(3, 7, 5)).astype("f")
    present = 1 - np.prod(1 - 1 / (1 + np.exp(-z.astype(float))), axis=1)
    np.testing.assert_allclose(tf.sigmoid(noisy_or(z)), present, rtol=1e-5)
    np.testing.assert_allclose(noisy_or(z), exact_log_odds(z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [-80.0, -40.0, -15.0, -8.0, -1.0, 0.0, 1.0, 17.0, 40.0, 80.0])
def test_noisy_or_is_exact_at_extreme_logits(level):
    """All places alike, and one unlike the others: value, loss and gradient."""
    alike = np.full((1, 49, 1), level, "f")
    mixed = alike.copy()
    mixed[0, 3] = -level
    for z in (alike, mixed):
        value = tf.constant(z)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(value)
            log_odds = noisy_or(value)
            losses = {y: sigmoid_concept_loss(log_odds, tf.fill((1, 1), float(y))) for y in (0, 1)}
        want = exact_log_odds(z)
        np.testing.assert_allclose(log_odds, want, rtol=2e-6)
        wide = z.astype(np.longdouble)
        total = np.logaddexp(0.0, wide).sum((1, 2))
        # The logarithm of a small number, in float32, gives it with that many digits.
        np.testing.assert_allclose(losses[0], total, rtol=2e-5)
        np.testing.assert_allclose(losses[1], np.logaddexp(0.0, -want)[0], rtol=2e-5, atol=TINY)
        share = 1 / (1 + np.exp(-wide)) * np.exp(np.logaddexp(0.0, -want))[:, None]
        present = 1 / (1 + np.exp(-want))[:, None]
        np.testing.assert_allclose(
            tape.gradient(losses[0], value), share * present, rtol=1e-4, atol=TINY
        )
        absent = 1 / (1 + np.exp(want))[:, None]
        np.testing.assert_allclose(
            tape.gradient(losses[1], value), -share * absent, rtol=1e-4, atol=TINY
        )


def test_noisy_or_stays_finite_where_softplus_underflows():
    z = tf.fill((1, 4, 1), -300.0)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = sigmoid_concept_loss(noisy_or(z), tf.ones((1, 1)))
    np.testing.assert_allclose(loss, [300.0 - np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, z), np.full((1, 4, 1), -0.25), rtol=1e-5)


def test_noisy_or_has_the_gradient_of_its_differences():
    z = np.random.default_rng(1).normal(size=(2, 3, 2)).astype("f")
    _, numeric = tf.test.compute_gradient(noisy_or, [tf.constant(z)], 1e-2)
    analytic, _ = tf.test.compute_gradient(noisy_or, [tf.constant(z)], 1e-2)
    np.testing.assert_allclose(analytic[0], numeric[0], atol=2e-3)


def test_one_place_is_its_own_score():
    z = np.random.default_rng(2).normal(scale=5, size=(4, 1, 3)).astype("f")
    for kind in ("max", "noisy_or"):
        np.testing.assert_allclose(PlacesPooling(kind)(z), z[:, 0], rtol=1e-4, atol=1e-5)


def test_max_takes_the_strongest_place_of_each_concept():
    z = np.random.default_rng(3).normal(size=(2, 6, 4)).astype("f")
    np.testing.assert_array_equal(PlacesPooling("max")(z), z.max(1))


def test_boxes_are_the_whole_image_and_overlapping_grids():
    boxes = np.array(crop_boxes((2, 3, 6)))
    assert boxes.shape == (50, 4)
    np.testing.assert_array_equal(boxes[0], [0, 0, 1, 1])
    assert boxes.min() >= 0 and boxes.max() <= 1 + 1e-12
    for n, first in ((2, 1), (3, 5), (6, 14)):
        own = boxes[first : first + n * n]
        np.testing.assert_allclose(own[:, 2] - own[:, 0], 1.5 / n)
        # Every point of the picture is in a crop.
        for y, x in np.random.default_rng(4).random((20, 2)):
            inside = (own[:, 0] <= y) & (y <= own[:, 2]) & (own[:, 1] <= x) & (x <= own[:, 3])
            assert inside.any()


def test_crops_are_parts_of_the_picture_and_come_one_after_the_other():
    ramp = np.linspace(0, 1, 9, dtype="f")
    images = np.stack([np.tile(ramp[:, None, None], (1, 9, 3)), np.tile(ramp[:, None], (9, 1, 3))])
    layer = GridCrops((2,))
    crops = layer(images).numpy().reshape(2, 5, 9, 9, 3)
    np.testing.assert_allclose(crops[:, 0], images, atol=1e-6)
    # The second crop is the upper left one: three quarters of either ramp.
    np.testing.assert_allclose(crops[0, 1, :, 0, 0], 0.75 * ramp, atol=1e-6)
    np.testing.assert_allclose(crops[1, 2, 0, :, 0], 0.25 + 0.75 * ramp, atol=1e-6)

    def encode(pictures):
        return tf.reshape(pictures, (2, -1))[:, :7]

    one_by_one = layer.encoded(tf.constant(images), encode)
    np.testing.assert_allclose(one_by_one, crops.reshape(2, 5, -1)[..., :7], atol=1e-6)


def test_layers_save_and_load(tmp_path):
    images, logits = keras.Input((8, 8, 3)), keras.Input((5, 3))
    made = [GridCrops((2, 3))(images), PlacesPooling("noisy_or")(logits)]
    model = keras.Model([images, logits], made)
    model.save(tmp_path / "places.keras")
    loaded = keras.saving.load_model(tmp_path / "places.keras")
    rng = np.random.default_rng(5)
    given = [rng.random((2, 8, 8, 3)).astype("f"), rng.normal(size=(2, 5, 3)).astype("f")]
    for ours, theirs in zip(model(given), loaded(given), strict=True):
        np.testing.assert_array_equal(ours, theirs)
