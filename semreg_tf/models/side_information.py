"""User tags as side information (Sec. 4.1): a small perceptron whose scores are added."""

from typing import Literal

import keras

from semreg_tf.config import ConceptConfig

# The inputs that logits depend on: the image, the user tags, or both.
Part = Literal["image", "tags", "all"]
LOGITS: dict[str, str] = {
    "image": "image_logits",
    "tags": "tag_logits",
    "all": "concept_logits",
}
# Keeps summed probabilities away from 0 and 1, where the loss is not finite.
PROBABILITY_MARGIN = 1e-6


def build_tag_model(config: ConceptConfig, num_user_tags: int, num_concepts: int) -> keras.Model:
    """Builds the perceptron with one hidden layer of 256 ReLU units (Sec. 4.1).

    It maps `user_tags` (batch, num_user_tags) to `tag_logits` (batch, num_concepts).
    """
    tags = keras.Input((num_user_tags,), name="user_tags")
    hidden = keras.layers.Dense(config.tag_hidden_units, activation="relu", name="tag_hidden")(tags)
    logits = keras.layers.Dense(num_concepts, dtype="float32", name="tag_logits")(hidden)
    return keras.Model({"user_tags": tags}, {"tag_logits": logits}, name="tag_model")


def fuse(
    config: ConceptConfig, image_logits: keras.KerasTensor, tag_logits: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Adds the predictions of image and user tags (Sec. 4.1).

    Args:
      config: `tag_fusion` is "logits" to add logits, or "probabilities" to add probabilities, which
        are clipped to [1e-6, 1 - 1e-6] so that their logits are finite.
      image_logits: (batch, num_concepts) float32.
      tag_logits: (batch, num_concepts) float32.

    Returns:
      The concepts' logits and probabilities, each (batch, num_concepts) float32.
    """
    if config.tag_fusion == "logits":
        logits = keras.layers.Add(name="concept_logits")([image_logits, tag_logits])
        return logits, keras.ops.sigmoid(logits)
    total = keras.ops.sigmoid(image_logits) + keras.ops.sigmoid(tag_logits)
    probabilities = keras.ops.clip(total, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return keras.ops.log(probabilities) - keras.ops.log(1 - probabilities), probabilities
