"""im2txt's colour distortion in one pass: brightness, saturation, hue and contrast.

TensorFlow's own operations take seven passes over the picture, two of them to HSV and back. Here
XLA compiles one: saturation and hue keep the brightest channel, saturation moves the others away
from it, and hue turns the middle one between the two.
"""

import tensorflow as tf

# On a scale of [0, 1].
MAX_BRIGHTNESS, MAX_HUE, FACTORS = 32 / 255, 0.032, (0.5, 1.5)


def jitter(image: tf.Tensor, seed: tf.Tensor, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Returns a picture with its colours distorted, contrast before or after saturation and hue.

    Args:
      image: RGB in [0, 1], (height, width, 3) float32, the size known.
      seed: (2,) int32 or int64; equal seeds give equal pictures.
      low: what 0 becomes.
      high: what 1 becomes.
    """
    order_seed, *seeds = tf.unstack(tf.random.split(seed, 5))
    ranges = ((-MAX_BRIGHTNESS, MAX_BRIGHTNESS), FACTORS, (-MAX_HUE, MAX_HUE), FACTORS)
    # Drawn outside, since XLA has a generator of its own.
    drawn = [
        tf.random.stateless_uniform([], factor_seed, *bounds)
        for factor_seed, bounds in zip(seeds, ranges, strict=True)
    ]
    contrast_first = tf.random.stateless_uniform([], order_seed) >= 0.5
    return _recolour(image, tf.stack(drawn), contrast_first, low, high)


@tf.function(jit_compile=True)
def _recolour(
    image: tf.Tensor, drawn: tf.Tensor, contrast_first: tf.Tensor, low: float, high: float
) -> tf.Tensor:
    brightness, saturation, hue, contrast = tf.unstack(drawn)

    def contrasted(planes: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_mean(planes, axis=1, keepdims=True)
        return (planes - mean) * contrast + mean

    # Channel after channel, whose rows vectorise.
    planes = tf.transpose(tf.reshape(image, (-1, 3))) + brightness
    planes = tf.cond(contrast_first, lambda: contrasted(planes), lambda: planes)
    red, green, blue = tf.unstack(planes)
    most = tf.maximum(tf.maximum(red, green), blue)
    spread = most - tf.minimum(tf.minimum(red, green), blue)
    inverse = tf.where(spread > 0, 1 / spread, 0.0)
    sector = tf.where(
        most == red,
        (green - blue) * inverse,
        tf.where(most == green, 2 + (blue - red) * inverse, 4 + (red - green) * inverse),
    )
    sector += 6 * hue
    # A saturation above 1 is none, and a picture darker than black has no saturation.
    spread = tf.where(most > 0, tf.minimum(spread * saturation, most), 0.0)

    def channel(offset: float) -> tf.Tensor:
        place = sector + offset
        place = tf.where(place >= 6, place - 6, place)
        place = tf.where(place < 0, place + 6, place)
        return most - spread * tf.clip_by_value(tf.minimum(place, 4 - place), 0.0, 1.0)

    turned = tf.stack([channel(5.0), channel(3.0), channel(1.0)])
    turned = tf.cond(contrast_first, lambda: turned, lambda: contrasted(turned))
    scaled = tf.clip_by_value(turned, 0.0, 1.0) * (high - low) + low
    return tf.reshape(tf.transpose(scaled), image.shape)
