"""The prediction layer on the CNN's features: the semantic concepts s_hat (Sec. 3.2)."""

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.models.side_information import build_tag_model, fuse

STANDARDISE, HIDDEN, LOGITS = "standardise", "image_hidden", "image_logits"


@keras.saving.register_keras_serializable("semreg_tf")
class Standardise(keras.layers.Layer):
    """Features less a fixed mean, by a fixed deviation; both are set from the training split."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates `mean` and `deviation`, (d,), which leave features as they are until set."""
        shape = input_shape[-1:]
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            name="deviation", shape=shape, initializer="ones", trainable=False
        )

    def set_statistics(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Sets both, each (d,); a feature that never varies keeps its scale."""
        self.mean.assign(mean)
        self.deviation.assign(np.where(deviation > 1e-6, deviation, 1.0))

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Standardises (batch, d)."""
        mean = tf.cast(self.mean, features.dtype)
        return (features - mean) / tf.cast(self.deviation, features.dtype)


def build_concept_head(
    config: Config, feature_size: int, num_concepts: int
) -> tuple[keras.Model, keras.Model | None]:
    """Builds features (and user tags) -> concept logits and probabilities.

    Args:
      config: the experiment; `concepts`, `encoder.feature_dropout` and `data.num_user_tags`.
      feature_size: width of the encoder's features.
      num_concepts: number of concepts k.

    Returns:
      The head, from `features` (batch, feature_size) and, with side information, `user_tags`
      (batch, num_user_tags), to `features` (after dropout), `concept_logits` and
      `concept_probabilities` (batch, num_concepts) float32, and with side information
      `image_logits` and `tag_logits`; and the tag model inside it, or None.
    """
    features = keras.Input((feature_size,), name="features")
    inputs, outputs = {"features": features}, {}
    scaled = Standardise(name=STANDARDISE)(features) if config.encoder.standardise else features
    dropped = keras.layers.Dropout(config.encoder.feature_dropout, name="feature_dropout")(scaled)
    outputs["features"] = dropped
    image_logits = _image_logits(config, num_concepts, dropped)
    tag_model = None
    if config.data.num_user_tags:
        tag_model = build_tag_model(config.concepts, config.data.num_user_tags, num_concepts)
        inputs["user_tags"] = keras.Input((config.data.num_user_tags,), name="user_tags")
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
    return keras.layers.Dense(num_concepts, dtype="float32", name=LOGITS)(x)
