"""The concept head: predicts the semantic concepts s_hat from the CNN's features (Sec. 3.2)."""

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.models.concept_layers import (
    MESSAGES,
    concept_layer_names,
    layer_logits,
    layer_output,
)
from semreg_tf.models.neighbour_head import neighbour_hidden
from semreg_tf.models.places import PlacesPooling
from semreg_tf.models.side_information import build_tag_model, fuse

STANDARDISE, HIDDEN, LOGITS = "standardise", "image_hidden", "image_logits"


@keras.saving.register_keras_serializable("semreg_tf")
class Standardise(keras.layers.Layer):
    """Standardises features by the mean and the deviation of the training split."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates `mean` and `deviation`, (d,), which start at 0 and 1."""
        shape = input_shape[-1:]
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            name="deviation", shape=shape, initializer="ones", trainable=False
        )

    def set_statistics(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Sets both, each (d,); a constant feature is not scaled."""
        self.mean.assign(mean)
        self.deviation.assign(np.where(deviation > 1e-6, deviation, 1.0))

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Standardises (batch, d)."""
        mean = tf.cast(self.mean, features.dtype)
        return (features - mean) / tf.cast(self.deviation, features.dtype)


def build_concept_head(
    config: Config, feature_size: int, num_concepts: int, cell_size: int | None = None
) -> tuple[keras.Model, keras.Model | None]:
    """Builds the concept head: features (and user tags) -> concept logits and probabilities.

    Args:
      config: the experiment; `concepts`, `encoder` and `data` are read.
      feature_size: width of the encoder's features.
      num_concepts: number of concepts k.
      cell_size: channels of the CNN's map, where its cells are scored.

    Returns:
      The head and the tag model (or None). The head's inputs are `features` (batch, feature_size),
      with crops (batch, crops, feature_size), and where the config reads them `spatial_features`,
      `user_tags`, `groups`, and `neighbour_features` with `neighbour_mask`. Its outputs are
      `features` of the whole image after dropout, `concept_logits` and `concept_probabilities`
      (batch, num_concepts) float32, with a tag model `image_logits` and `tag_logits`, and the
      logits of each further predicted layer of concepts.
    """
    of_crops = config.concepts.places.kind == "crops"
    shape = (None, feature_size) if of_crops else (feature_size,)
    features = keras.Input(shape, name="features")
    inputs, outputs = {"features": features}, {}
    scale = Standardise(name=STANDARDISE) if config.encoder.standardise else lambda x: x
    dropout = keras.layers.Dropout(config.encoder.feature_dropout, name="feature_dropout")
    dropped = dropout(scale(features))
    outputs["features"] = dropped[:, 0] if of_crops else dropped
    if config.reads_user_tags:
        inputs["user_tags"] = keras.Input((config.data.num_user_tags,), name="user_tags")
    tag_model = None
    if config.concepts.neighbours is not None:
        count = config.concepts.neighbours.count
        inputs["neighbour_features"] = keras.Input((count, feature_size), name="neighbour_features")
        inputs["neighbour_mask"] = keras.Input((count,), dtype="bool", name="neighbour_mask")
        read = {**inputs, "features": dropped}
        read["neighbour_features"] = dropout(scale(inputs["neighbour_features"]))
        hidden = neighbour_hidden(config.concepts.neighbours, read)
        image_logits = keras.layers.Dense(num_concepts, dtype="float32", name=LOGITS)(hidden)
    elif config.concepts.layers is not None:
        if "groups" in config.observed_layers:
            inputs["groups"] = keras.Input((config.data.num_groups,), name="groups")
        by_layer = layer_logits(config, num_concepts, {**inputs, "features": dropped})
        image_logits = by_layer.pop("concepts")
        outputs |= {layer_output(name): logits for name, logits in by_layer.items()}
    else:
        of_cells = config.concepts.places.kind == "cells"
        places = _cells(config, cell_size, inputs) if of_cells else dropped
        image_logits = _image_logits(config, num_concepts, places)
    if config.has_tag_model:
        tag_model = build_tag_model(config.concepts, config.data.num_user_tags, num_concepts)
        tag_logits = tag_model({"user_tags": inputs["user_tags"]})["tag_logits"]
        logits, probabilities = fuse(config.concepts, image_logits, tag_logits)
        outputs |= {"image_logits": image_logits, "tag_logits": tag_logits}
    elif config.concepts.loss == "softmax":
        logits, probabilities = image_logits, keras.ops.softmax(image_logits)
    else:
        logits, probabilities = image_logits, keras.ops.sigmoid(image_logits)
    outputs |= {"concept_logits": logits, "concept_probabilities": probabilities}
    return keras.Model(inputs, outputs, name="concept_head"), tag_model


def _image_logits(config: Config, num_concepts: int, x: keras.KerasTensor) -> keras.KerasTensor:
    if config.concepts.hidden_units:
        x = keras.layers.Dense(config.concepts.hidden_units, "relu", name=HIDDEN)(x)
        x = keras.layers.Dropout(config.encoder.feature_dropout, name="hidden_dropout")(x)
    # With few images, training does not remove a random kernel's noise for rare concepts.
    kernel = "zeros" if config.concepts.initial_bias == "frequencies" else "glorot_uniform"
    layer = keras.layers.Dense(
        num_concepts, kernel_initializer=kernel, dtype="float32", name=LOGITS
    )
    places = config.concepts.places
    if places.kind == "image":
        return layer(x)
    return PlacesPooling(places.pooling, dtype="float32", name="places")(layer(x))


def _cells(config: Config, cell_size: int | None, inputs: dict) -> keras.KerasTensor:
    """Adds the map to `inputs` and returns its cells after dropout."""
    inputs["spatial_features"] = keras.Input((None, cell_size), name="spatial_features")
    dropout = keras.layers.Dropout(config.encoder.feature_dropout, name="cell_dropout")
    return dropout(inputs["spatial_features"])


def label_bias(config: Config, head: keras.Model) -> keras.Variable:
    """Returns the bias of the concept logits of the image, (num_concepts,)."""
    if config.concepts.layers is None:
        return head.get_layer(LOGITS).bias
    return head.get_layer(MESSAGES).output_bias(concept_layer_names(config).index("concepts"))
