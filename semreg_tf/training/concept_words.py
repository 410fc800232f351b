"""The word id of each concept, for decoders that read concepts as words."""

import logging

import numpy as np

from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator

logger = logging.getLogger(__name__)


def set_concept_words(annotator: Annotator, vocabularies: Vocabularies) -> None:
    """Sets the concepts' word ids in all conditionings that read them; UNK if one is not a word.

    Raises:
      ValueError: a concept of a tagger is not a label.
    """
    conditionings = () if annotator.decoder is None else annotator.decoder.conditionings
    readers = [c for c in conditionings if c.reads_concept_words]
    if not readers:
        return
    ids = vocabularies.output.encode(vocabularies.concepts.names)
    unknown = int(np.sum(ids == vocabularies.output.unknown_id))
    if unknown:
        logger.warning("%d of %d concepts are not in the vocabulary", unknown, len(ids))
    for conditioning in readers:
        conditioning.set_concept_words(ids)
