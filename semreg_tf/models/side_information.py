"""User tags as side information (Sec. 4.1): a small perceptron, and its sum with the image."""

from typing import Literal

import keras

from semreg_tf.config import ConceptConfig

# Whose logits: of the image, of the user tags, or of both together.
Part = Literal["image", "tags", "all"]
LOGITS: dict[str, str] = {
    "image": "image_logits",
    "tags": "tag_logits",
    "all": "concept_logits",
}
# Summed probabilities reach 0 and 1; their loss stays finite inside these bounds.
PROBABILITY_MARGIN = 1e-6


def build_tag_model(config: ConceptConfig, num_user_tags: int, num_concepts: int) -> keras.Model:
    """Builds the perceptron with one hidden layer of 256 ReLU units (Sec. 4.1).

    Args:
      config: `tag_hidden_units` is read.
      num_user_tags: width of the multi-hot `user_tags`.
      num_concepts: number of concepts.

    Returns:
      A model from `user_tags` (batch, num_user_tags) to `tag_logits` (batch, num_concepts).
    """
    tags = keras.Input((num_user_tags,), name="user_tags")
    hidden = keras.layers.Dense(config.tag_hidden_units, activation="relu", name="tag_hidden")(tags)
    logits = keras.layers.Dense(num_concepts, dtype="float32", name="tag_logits")(hidden)
    return keras.Model({"user_tags": tags}, {"tag_logits": logits}, name="tag_model")


def fuse(
    config: ConceptConfig, image_logits: keras.KerasTensor, tag_logits: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Sums the predictions of image and tags.

    Args:
      config: `tag_fusion` "logits": sigmoid of the summed logits; "probabilities": the summed
        probabilities, clipped to 1.
      image_logits: (batch, num_concepts) float32.
      tag_logits: (batch, num_concepts) float32.

    Returns:
      The concepts' logits and probabilities, each (batch, num_concepts) float32. Clipped
      probabilities have no finite logits at 0 and 1 and are kept 1e-6 away from them.
    """
    if config.tag_fusion == "logits":
        logits = keras.layers.Add(name="concept_logits")([image_logits, tag_logits])
        return logits, keras.ops.sigmoid(logits)
    total = keras.ops.sigmoid(image_logits) + keras.ops.sigmoid(tag_logits)
    probabilities = keras.ops.clip(total, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return keras.ops.log(probabilities) - keras.ops.log(1 - probabilities), probabilities
