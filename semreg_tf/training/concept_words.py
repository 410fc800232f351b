"""Which word of the vocabulary each concept is, for a decoder that reads concepts as words."""

import logging

import numpy as np

from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator

logger = logging.getLogger(__name__)


def concept_word_ids(vocabularies: Vocabularies) -> np.ndarray:
    """Returns the output id of each concept, (num_concepts,) int32; UNK for what is no word.

    Raises:
      ValueError: a concept is none of a tagger's labels.
    """
    return vocabularies.output.encode(vocabularies.concepts.names)


def set_concept_words(annotator: Annotator, vocabularies: Vocabularies) -> None:
    """Tells each conditioning that asks for it which word each concept is.

    Args:
      annotator: whose decoder is told.
      vocabularies: the names of its concepts and words.
    """
    conditionings = () if annotator.decoder is None else annotator.decoder.conditionings
    asking = [c for c in conditionings if c.reads_concept_words]
    if not asking:
        return
    ids = concept_word_ids(vocabularies)
    unknown = int(np.sum(ids == vocabularies.output.unknown_id))
    if unknown:
        logger.warning("%d of %d concepts are no words of the vocabulary", unknown, len(ids))
    for conditioning in asking:
        conditioning.set_concept_words(ids)
