"""Predictions of models on a split: searched sequences, concept probabilities, label scores."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.data import batch
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.decoding.combined_labels import LabelCombination
from semreg_tf.decoding.search import Search
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.models.side_information import LOGITS, Part
from semreg_tf.number_formats import scores_in_bfloat16


@dataclass(frozen=True)
class Predictions:
    """Predictions of a split, one entry per image in the split's order.

    Attributes:
      image_ids: the images' ids.
      sequences: n-best word or label lists of each image, best first; empty without a decoder.
      scores: the search's ranking score of each sequence, its (normalised) log-probability.
      concept_probabilities: (images, num_concepts) float32.
    """

    image_ids: list[str]
    sequences: list[list[list[str]]]
    scores: list[list[float]]
    concept_probabilities: np.ndarray


def predict(
    ensemble: Ensemble,
    batches: SplitBatches,
    vocabularies: Vocabularies,
    decoding: DecodingConfig | None,
    num_results: int = 1,
) -> Predictions:
    """Annotates every image of a split by the mean of the models' probabilities.

    Args:
      ensemble: the models.
      batches: each model's inputs; `concepts` without `image` or `features` feeds the ground truth
        to the decoder, as the relational stage's validation does.
      vocabularies: the experiment's vocabularies.
      decoding: how sequences are searched; None: the concept probabilities alone. Where the ground
        truth is fed, greedy search replaces the method "combined", which would list the truth.
      num_results: sequences to return for each image; fewer where the search has fewer.
    """
    output = vocabularies.output
    searching = ensemble.has_decoder and decoding is not None
    if searching and decoding.method == "combined" and _reads_true_concepts(batches):
        decoding = replace(decoding, method="greedy")
    in_bfloat16 = searching and scores_in_bfloat16(decoding.bfloat16_output)
    tables = ensemble.input_tables() if searching else None

    @tf.function(input_signature=[batches.spec])
    def run(tensors: tuple[dict[str, tf.Tensor], ...]) -> tuple:
        outputs = ensemble.encode(tensors)
        probabilities = ensemble.concept_probabilities(outputs)
        if not searching:
            return probabilities, None, None
        start = ensemble.search_start(outputs, tables, in_bfloat16)
        if decoding.method == "combined":
            n_best = _combination(vocabularies, decoding)(probabilities, *start)
        else:
            search = Search(
                decoding,
                start_id=output.start_id,
                end_id=output.end_id,
                unknown_id=output.unknown_id,
                num_results=num_results,
            )
            n_best = search(*start)
        return probabilities, n_best.token_ids, n_best.scores

    probabilities, sequences, scores = [], [], []
    for tensors in batches:
        batch_probabilities, token_ids, batch_scores = run(tensors)
        probabilities.append(batch_probabilities.numpy())
        if token_ids is None:
            continue
        for ids, values in zip(token_ids.numpy(), batch_scores.numpy().tolist(), strict=True):
            # Sequences of score -inf are padding up to `num_results`.
            number = max(1, sum(value > float("-inf") for value in values))
            sequences.append([output.decode(sequence) for sequence in ids[:number]])
            scores.append(values[:number])
    image_ids = [annotation.image_id for annotation in batches.split.annotations]
    return Predictions(image_ids, sequences, scores, np.concatenate(probabilities))


def part_probabilities(ensemble: Ensemble, batches: SplitBatches, part: Part) -> np.ndarray:
    """Returns the mean probabilities of the image's or the user tags' logits, float32.

    Their shape is (images, num_concepts). Part "tags" needs no picture.
    """

    @tf.function(input_signature=[batches.spec])
    def run(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        probabilities = []
        for member, inputs in zip(ensemble.members, tensors, strict=True):
            reads_tags = part == "tags"
            model = member.tag_model if reads_tags else member.encode
            outputs = model({batch.USER_TAGS: inputs[batch.USER_TAGS]} if reads_tags else inputs)
            probabilities.append(tf.sigmoid(outputs[LOGITS[part]]))
        return tf.reduce_mean(tf.stack(probabilities), axis=0)

    return np.concatenate([run(tensors).numpy() for tensors in batches])


def decoder_label_scores(
    ensemble: Ensemble,
    batches: SplitBatches,
    vocabularies: Vocabularies,
    decoding: DecodingConfig,
) -> np.ndarray:
    """Returns the decoder's `label_scores` by concept, (images, num_concepts) float32.

    Of `decoding`, END's bias, the number of steps, the beam width and the precision matter; no
    label is repeated.
    """
    combination, tables = _combination(vocabularies, decoding), ensemble.input_tables()
    in_bfloat16 = scores_in_bfloat16(decoding.bfloat16_output)

    @tf.function(input_signature=[batches.spec])
    def run(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        start = ensemble.search_start(ensemble.encode(tensors), tables, in_bfloat16)
        return combination.list_probabilities(*start)

    return np.concatenate([run(tensors).numpy() for tensors in batches])


def _reads_true_concepts(batches: SplitBatches) -> bool:
    return not any({batch.IMAGE, batch.FEATURES} & spec.keys() for spec in batches.spec)


def _combination(vocabularies: Vocabularies, decoding: DecodingConfig) -> LabelCombination:
    output = vocabularies.output
    label_ids = output.encode(vocabularies.concepts.names)
    return LabelCombination(
        decoding, start_id=output.start_id, end_id=output.end_id, label_ids=label_ids
    )
