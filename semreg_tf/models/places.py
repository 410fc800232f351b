"""Concept scores of several places of an image: cropping, and pooling of the scores."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

# Width of a crop in grid cells, so that neighbouring crops overlap (ours).
CROP_WIDTH = 1.5
# Below these values, the first terms of a series are exact in float32.
_FAR_BELOW, _SMALL = -15.0, 1e-3


def crop_boxes(grids: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """Returns the boxes of the whole image and of n x n crops for each n, each 1.5 cells wide.

    A crop is centred on its grid cell, or moved inwards if it would exceed the image. A box is top,
    left, bottom and right, as fractions of the sides.

    Example:
      >>> crop_boxes([2])[:3]
      [(0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.75, 0.75), (0.0, 0.25, 0.75, 1.0)]
    """
    boxes = [(0.0, 0.0, 1.0, 1.0)]
    for n in grids:
        side = CROP_WIDTH / n
        starts = [min(max((i + 0.5) / n - side / 2, 0.0), 1.0 - side) for i in range(n)]
        boxes += [(top, left, top + side, left + side) for top in starts for left in starts]
    return boxes


@keras.saving.register_keras_serializable("semreg_tf")
class GridCrops(keras.layers.Layer):
    """The crops of images, at their size: (batch, h, w, 3) -> (batch * n, h, w, 3)."""

    def __init__(self, grids: Sequence[int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.grids = tuple(grids)
        self.boxes = crop_boxes(self.grids)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns all crops, image by image, the whole image first."""
        count, size = len(self.boxes), images.shape[1:3]
        rows = tf.shape(images)[0]
        boxes = tf.tile(tf.constant(self.boxes, tf.float32), (rows, 1))
        image_rows = tf.repeat(tf.range(rows), count)
        return tf.image.crop_and_resize(images, boxes, image_rows, size)

    def encoded(self, images: tf.Tensor, encode: Callable) -> tf.Tensor:
        """Returns the features of all crops, (batch, crops, d), of images (batch, h, w, 3).

        They are encoded crop by crop, which needs less memory than all crops at once.
        """
        rows, size = tf.shape(images)[0], images.shape[1:3]

        def of_crop(box: tf.Tensor) -> tf.Tensor:
            boxes = tf.tile(box[None], (rows, 1))
            return encode(tf.image.crop_and_resize(images, boxes, tf.range(rows), size))

        boxes = tf.constant(self.boxes, tf.float32)
        features = tf.map_fn(of_crop, boxes, fn_output_signature=tf.float32, parallel_iterations=1)
        return tf.transpose(features, (1, 0, 2))


@tf.custom_gradient
def noisy_or(logits: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns the logits of P = 1 - prod_j (1 - p_j) over places j (Fang et al. 2015).

    With S = sum_j softplus(z_j), which is -log(1 - P), the logits are log(e^S - 1). P itself is
    never computed, so they are exact and finite where P rounds to 0 or 1; their cross entropy is
    S for a negative and -log(1 - e^-S) for a positive. The gradient is p_j / P, at most 1.

    Args:
      logits: z_j, the logits of p_j, (batch, places, num_concepts).

    Returns:
      (batch, num_concepts) float32.
    """
    z = tf.cast(logits, tf.float32)
    softplus = tf.math.softplus(z)
    total = tf.reduce_sum(softplus, axis=-2)
    # Far below 0 softplus underflows; its logarithm is z - e^z / 2 there.
    near = tf.math.log(tf.math.softplus(tf.maximum(z, _FAR_BELOW)))
    far = z - 0.5 * tf.exp(tf.minimum(z, _FAR_BELOW))
    log_total = tf.reduce_logsumexp(tf.where(z < _FAR_BELOW, far, near), axis=-2)
    by_exp = total + tf.math.log(-tf.math.expm1(-tf.maximum(total, _SMALL)))
    log_odds = tf.where(total < _SMALL, log_total + 0.5 * total, by_exp)

    def gradient(d_log_odds: tf.Tensor) -> tf.Tensor:
        log_present = tf.math.log_sigmoid(log_odds)[:, None]
        share = tf.exp(tf.minimum(tf.math.log_sigmoid(z) - log_present, 0.0))
        return tf.cast(share * d_log_odds[:, None], logits.dtype)

    return log_odds, gradient


def strongest(logits: tf.Tensor) -> tf.Tensor:
    """Returns each concept's maximum logit over the places (Wu et al. 2016), (batch, k) float32."""
    return tf.reduce_max(tf.cast(logits, tf.float32), axis=-2)


POOLINGS = {"max": strongest, "noisy_or": noisy_or}


@keras.saving.register_keras_serializable("semreg_tf")
class PlacesPooling(keras.layers.Layer):
    """Pools logits over places: (batch, places, num_concepts) -> (batch, num_concepts) float32."""

    def __init__(self, kind: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Pools over the places."""
        return POOLINGS[self.kind](logits)
