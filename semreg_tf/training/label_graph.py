"""The relations that layers of concepts pass messages along, set from the training split."""

import logging

from semreg_tf.data.concept_relations import concept_relations
from semreg_tf.data.input_pipeline import Split
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_layers import MESSAGES, concept_layer_names

logger = logging.getLogger(__name__)


def set_label_graph(annotator: Annotator, split: Split) -> None:
    """Sets which weights of the signed forms there are; the linear form has no graph.

    Args:
      annotator: its head has layers of concepts and is untrained.
      split: the training split.
    """
    config = annotator.config
    if config.concepts.layers.form == "linear":
        return
    names = concept_layer_names(config)
    found = concept_relations(split.encoded, split.vocabularies, names, config.concepts.layers)
    for (layer, other), (positive, negative) in found.items():
        told = layer, other, int(positive.sum()), int(negative.sum())
        logger.info("Relations of %s to %s: %d positive, %d negative", *told)
    places = {name: place for place, name in enumerate(names)}
    annotator.head.get_layer(MESSAGES).set_relations(
        {(places[a], places[b]): relations for (a, b), relations in found.items()}
    )
