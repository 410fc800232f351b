"""Max pooling of the features of images with similar user tags (Johnson et al. 2015)."""

import itertools

import keras
import tensorflow as tf

from semreg_tf.config import NeighbourConfig


@keras.saving.register_keras_serializable("semreg_tf")
class NeighbourPooling(keras.layers.Layer):
    """v_z = max over a neighbourhood of relu(W_z F(z_i) + b_z), with W_z shared by all neighbours.

    A neighbourhood has `drawn` of an image's neighbours. In training, one neighbourhood is drawn at
    random for each image; otherwise v_z, of width `units`, is averaged over all neighbourhoods,
    which averages the scores, because they are linear in v_z. For an image with fewer than `drawn`
    neighbours, the maximum is over those that it has, and v_z is 0 without any (ours).

    Example:
      >>> NeighbourPooling(500, 3)([features, mask], training=True).shape
      (batch, 500)
    """

    def __init__(self, units: int, drawn: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units, self.drawn = units, drawn
        self.dense = keras.layers.Dense(units, "relu", name="map")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Creates W_z (d, units) and b_z (units,)."""
        features, _ = input_shape
        self.dense.build(features)
        combinations = itertools.combinations(range(features[1]), self.drawn)
        self._neighbourhoods = [list(indices) for indices in combinations]

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns v_z, (batch, units).

        Args:
          inputs: features (batch, neighbours, d), and a mask (batch, neighbours) bool, true on
            existing neighbours.
          training: whether one random neighbourhood is used instead of all.
        """
        features, mask = inputs
        # ReLU outputs are at least 0, so masked values of 0 never change a maximum.
        values = self.dense(features) * tf.cast(mask, self.compute_dtype)[..., None]
        if training:
            return self._max_of_random(values, mask)
        counts = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        enough = (counts >= self.drawn)[:, None]
        return tf.where(enough, self._mean_of_maxima(values, mask), tf.reduce_max(values, axis=1))

    def _max_of_random(self, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the maximum over a random neighbourhood of existing neighbours."""
        keys = keras.random.uniform(tf.shape(mask), seed=self.seed_generator)
        # Missing neighbours come last; their values are 0.
        keys = tf.where(mask, keys, -1.0)
        indices = tf.math.top_k(keys, self.drawn).indices
        return tf.reduce_max(tf.gather(values, indices, batch_dims=1), axis=1)

    def _mean_of_maxima(self, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the maxima over all neighbourhoods without missing neighbours."""
        total, count = 0.0, 0.0
        for indices in self._neighbourhoods:
            complete = tf.reduce_all(tf.gather(mask, indices, axis=1), axis=1)
            complete = tf.cast(complete, values.dtype)[:, None]
            total += complete * tf.reduce_max(tf.gather(values, indices, axis=1), axis=1)
            count += complete
        return tf.math.divide_no_nan(total, count)


def neighbour_hidden(
    config: NeighbourConfig, inputs: dict[str, keras.KerasTensor]
) -> keras.KerasTensor:
    """Returns [v_x ; v_z] of f = W_y [v_x ; v_z] + b_y, (batch, units).

    The image's own user tags are appended unless `config.tag_vector` is "none".

    Args:
      config: widths, dropout, and how the user tags are read.
      inputs: `features` (batch, d), `neighbour_features` (batch, neighbours, d), `neighbour_mask`
        (batch, neighbours) and, if they are read, `user_tags` (batch, num_user_tags).
    """

    def hidden(name: str, x: keras.KerasTensor) -> keras.KerasTensor:
        x = keras.layers.Dense(config.hidden_units, "relu", name=name)(x)
        return keras.layers.Dropout(config.dropout, name=f"{name}_dropout")(x)

    pooled = NeighbourPooling(config.hidden_units, config.drawn, name="neighbour_hidden")(
        [inputs["neighbour_features"], inputs["neighbour_mask"]]
    )
    pooled = keras.layers.Dropout(config.dropout, name="neighbour_hidden_dropout")(pooled)
    parts = [hidden("image_hidden", inputs["features"]), pooled]
    if config.tag_vector != "none":
        tags = inputs["user_tags"]
        parts.append(tags if config.tag_vector == "raw" else hidden("tag_hidden", tags))
    return keras.layers.Concatenate(name="joined")(parts)
