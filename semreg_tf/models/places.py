"""Scores of several places of a picture: the crops that are scored, and how scores become one."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

# A crop's width in cells of its grid, so that neighbours overlap (ours).
CROP_WIDTH = 1.5
# Below these the first terms of a series are exact in float32.
_FAR_BELOW, _SMALL = -15.0, 1e-3


def crop_boxes(grids: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """Returns the whole image, then n x n crops for each n, 1.5 of n cells wide.

    A crop lies around its cell's centre, moved inwards where it would leave the picture.

    Args:
      grids: the numbers n.

    Returns:
      Top, left, bottom, right of each as shares of the sides.

    Example:
      >>> crop_boxes([2])[:3]
      [(0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.75, 0.75), (0.0, 0.25, 0.75, 1.0)]
    """
    boxes = [(0.0, 0.0, 1.0, 1.0)]
    for n in grids:
        side = CROP_WIDTH / n
        firsts = [min(max((i + 0.5) / n - side / 2, 0.0), 1.0 - side) for i in range(n)]
        boxes += [(top, left, top + side, left + side) for top in firsts for left in firsts]
    return boxes


@keras.saving.register_keras_serializable("semreg_tf")
class GridCrops(keras.layers.Layer):
    """Each picture's crops, scaled to the picture's size: (batch, h, w, 3) -> (batch * n, h, w, 3).

    Args:
      grids: of `crop_boxes`.
    """

    def __init__(self, grids: Sequence[int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.grids = tuple(grids)
        self.boxes = crop_boxes(self.grids)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "grids": self.grids}

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns all crops, those of a picture together, the whole picture first."""
        count, size = len(self.boxes), images.shape[1:3]
        rows = tf.shape(images)[0]
        boxes = tf.tile(tf.constant(self.boxes, tf.float32), (rows, 1))
        owners = tf.repeat(tf.range(rows), count)
        return tf.image.crop_and_resize(images, boxes, owners, size)

    def encoded(self, images: tf.Tensor, encode: Callable) -> tf.Tensor:
        """Runs a CNN on one crop of all pictures after the other, which needs less memory.

        Args:
          images: (batch, h, w, 3).
          encode: pictures -> features, (batch, d).

        Returns:
          (batch, crops, d).
        """
        rows, size = tf.shape(images)[0], images.shape[1:3]

        def of_crop(box: tf.Tensor) -> tf.Tensor:
            boxes = tf.tile(box[None], (rows, 1))
            return encode(tf.image.crop_and_resize(images, boxes, tf.range(rows), size))

        boxes = tf.constant(self.boxes, tf.float32)
        made = tf.map_fn(of_crop, boxes, fn_output_signature=tf.float32, parallel_iterations=1)
        return tf.transpose(made, (1, 0, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple:
        """Returns the shape with an open batch."""
        return (None, *input_shape[1:])


@tf.custom_gradient
def noisy_or(logits: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Log-odds of P = 1 - prod_j (1 - p_j) over places j (Fang et al. 2015), from those of p_j.

    With S = sum_j softplus(z_j), which is -log(1 - P), the log-odds are log(e^S - 1). P itself is
    never formed, so they are exact and finite where P rounds to 0 or 1; their cross entropy is
    S for a negative and -log(1 - e^-S) for a positive. The gradient is p_j / P, at most 1.

    Args:
      logits: z, (batch, places, num_concepts).

    Returns:
      (batch, num_concepts) float32.
    """
    z = tf.cast(logits, tf.float32)
    softplus = tf.math.softplus(z)
    total = tf.reduce_sum(softplus, axis=-2)
    # softplus underflows far below 0; its logarithm is z - e^z / 2 there.
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
    """Returns the highest logit of each concept over the places (Wu et al. 2016), (batch, k)."""
    return tf.reduce_max(tf.cast(logits, tf.float32), axis=-2)


POOLINGS = {"max": strongest, "noisy_or": noisy_or}


@keras.saving.register_keras_serializable("semreg_tf")
class PlacesPooling(keras.layers.Layer):
    """Logits (batch, places, num_concepts) -> (batch, num_concepts) float32.

    Args:
      kind: of `POOLINGS`.
    """

    def __init__(self, kind: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "kind": self.kind}

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Pools over the places."""
        return POOLINGS[self.kind](logits)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple:
        """Returns (batch, num_concepts)."""
        return (input_shape[0], input_shape[-1])
