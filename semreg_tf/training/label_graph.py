"""Sets the relations between layers of concepts from the training split."""

import logging

from semreg_tf.data.concept_relations import concept_relations
from semreg_tf.data.input_pipeline import Split
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_layers import MESSAGES, concept_layer_names

logger = logging.getLogger(__name__)


def set_label_graph(annotator: Annotator, split: Split) -> None:
    """Sets the masks of the signed forms of an untrained head; the linear form has no graph."""
    config = annotator.config
    if config.concepts.layers.form == "linear":
        return
    names = concept_layer_names(config)
    relations = concept_relations(split.encoded, split.vocabularies, names, config.concepts.layers)
    for (layer, other), (positive, negative) in relations.items():
        counts = int(positive.sum()), int(negative.sum())
        logger.info("Relations of %s to %s: %d positive, %d negative", layer, other, *counts)
    annotator.head.get_layer(MESSAGES).set_relations(
        {(names.index(a), names.index(b)): masks for (a, b), masks in relations.items()}
    )
