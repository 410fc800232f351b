"""One pass of colour distortion equals NumPy's formulas and TensorFlow's operations in a row."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data.colour_jitter import FACTORS, MAX_BRIGHTNESS, MAX_HUE, _recolour, jitter


def picture(seed, height=20, width=30):
    return np.float32(np.random.default_rng(seed).uniform(0, 1, (height, width, 3)))


def numpy_jitter(image, brightness, saturation, hue, contrast, contrast_first):
    def adjust_contrast(x):
        mean = x.mean((0, 1))
        return (x - mean) * contrast + mean

    def adjust_color(x):
        flat = []
        for pixel in x.reshape(-1, 3):
            h, s, v = colorsys.rgb_to_hsv(*pixel)
            flat.append(colorsys.hsv_to_rgb((h + hue) % 1, min(max(s * saturation, 0), 1), v))
        return np.array(flat).reshape(x.shape)

    x = image + brightness
    x = adjust_color(adjust_contrast(x)) if contrast_first else adjust_contrast(adjust_color(x))
    return np.clip(x, 0, 1)


def operations_in_a_row(image, seed):
    """im2txt's distortion by `tf.image`, which this project used before."""
    order_seed, *seeds = tf.unstack(tf.random.split(seed, 5))
    image = tf.image.stateless_random_brightness(image, MAX_BRIGHTNESS, seeds[0])
    steps = [
        lambda x: tf.image.stateless_random_saturation(x, *FACTORS, seeds[1]),
        lambda x: tf.image.stateless_random_hue(x, MAX_HUE, seeds[2]),
    ]
    contrast_last = tf.random.stateless_uniform([], order_seed) < 0.5
    place = len(steps) if contrast_last else 0
    steps.insert(place, lambda x: tf.image.stateless_random_contrast(x, *FACTORS, seeds[3]))
    for step in steps:
        image = step(image)
    return tf.clip_by_value(image, 0.0, 1.0).numpy(), bool(contrast_last)


@pytest.mark.parametrize("contrast_first", [False, True])
@pytest.mark.parametrize("hue", [-0.02, 0.03])
def test_jitter_equals_numpy(contrast_first, hue):
    values = {"brightness": 0.05, "saturation": 1.3, "hue": hue, "contrast": 0.7}
    # Kept inside (0, 1) so that only the formulas are compared; some pixels are grey.
    image = picture(0) * 0.5 + 0.2
    image[:3] = image[:3, :, :1]
    expected = numpy_jitter(image, **values, contrast_first=contrast_first)
    drawn = tf.constant(list(values.values()))
    found = _recolour(tf.constant(image), drawn, tf.constant(contrast_first), 0.0, 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_jitter_equals_tensorflows_operations_in_a_row():
    orders = set()
    for k in range(12):
        seed, image = tf.constant([3, k]), picture(k)
        # Black, white and grey, which brightness takes out of [0, 1].
        image[0], image[1], image[2] = 0.0, 1.0, 0.5
        expected, order = operations_in_a_row(tf.constant(image), seed)
        np.testing.assert_allclose(jitter(tf.constant(image), seed), expected, atol=2e-5)
        orders.add(order)
    assert orders == {True, False}


def test_the_range_is_that_of_the_normalisation():
    image, seed = tf.constant(picture(1)), tf.constant([1, 2])
    ranged = jitter(image, seed, -1.0, 3.0)
    np.testing.assert_allclose(ranged, jitter(image, seed) * 4 - 1, atol=1e-5)
