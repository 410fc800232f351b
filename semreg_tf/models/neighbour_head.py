"""Features of the pictures with like user tags, pooled by the maximum (Johnson et al. 2015)."""

import itertools

import keras
import tensorflow as tf

from semreg_tf.config import NeighbourConfig


@keras.saving.register_keras_serializable("semreg_tf")
class NeighbourPooling(keras.layers.Layer):
    """v_z = max over a neighbourhood of relu(W_z F(z_i) + b_z), W_z shared by the neighbours.

    A neighbourhood is `drawn` of the neighbours. Training draws one at random for each picture;
    otherwise the mean of v_z over all of them is returned, which gives the mean of the scores,
    since these are linear in v_z. Ours: of fewer neighbours than `drawn` the maximum is over those
    there, and without any v_z is 0.

    Args:
      units: width of v_z.
      drawn: neighbours in a neighbourhood.
      **kwargs: of a layer.

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
        chosen = itertools.combinations(range(features[1]), self.drawn)
        self._neighbourhoods = [list(places) for places in chosen]

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Pools.

        Args:
          inputs: features (batch, neighbours, d), and a mask (batch, neighbours) bool, true on
            those that are there.
          training: whether one neighbourhood is drawn.

        Returns:
          (batch, units).
        """
        features, there = inputs
        # At least 0, so that a maximum over zeros leaves out what is not there.
        values = self.dense(features) * tf.cast(there, self.compute_dtype)[..., None]
        if training:
            return self._over_one(values, there)
        numbers = tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
        enough = (numbers >= self.drawn)[:, None]
        return tf.where(enough, self._over_all(values, there), tf.reduce_max(values, axis=1))

    def _over_one(self, values: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """Returns the maximum over a neighbourhood drawn at random among those there."""
        draws = keras.random.uniform(tf.shape(there), seed=self.seed_generator)
        # Neighbours that are not there come last; their values are 0.
        draws = tf.where(there, draws, -1.0)
        places = tf.math.top_k(draws, self.drawn).indices
        return tf.reduce_max(tf.gather(values, places, batch_dims=1), axis=1)

    def _over_all(self, values: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the maxima over every neighbourhood whose members are all there."""
        total, number = 0.0, 0.0
        for places in self._neighbourhoods:
            whole = tf.reduce_all(tf.gather(there, places, axis=1), axis=1)
            whole = tf.cast(whole, values.dtype)[:, None]
            total += whole * tf.reduce_max(tf.gather(values, places, axis=1), axis=1)
            number += whole
        return tf.math.divide_no_nan(total, number)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple:
        """Returns (batch, units)."""
        return input_shape[0][0], self.units

    def get_config(self) -> dict[str, object]:
        """Returns the arguments."""
        return {**super().get_config(), "units": self.units, "drawn": self.drawn}


def neighbour_hidden(
    config: NeighbourConfig, inputs: dict[str, keras.KerasTensor]
) -> keras.KerasTensor:
    """Returns [v_x ; v_z], the picture's own tags beside them, of f = W_y [v_x ; v_z] + b_y.

    Args:
      config: widths, and how the tags enter.
      inputs: `features` (batch, d), `neighbour_features` (batch, neighbours, d), `neighbour_mask`
        (batch, neighbours) and, where they enter, `user_tags` (batch, num_user_tags).

    Returns:
      (batch, units).
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
