"""What a model says of a split: sequences by search, concept probabilities, labels by score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from semreg_tf.config import DecodingConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.decoding.label_scores import label_scores
from semreg_tf.decoding.search import search
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.number_formats import scores_in_bfloat16

_READ = (
    batch.IMAGE,
    batch.FEATURES,
    batch.SPATIAL_FEATURES,
    batch.USER_TAGS,
    batch.GROUPS,
    batch.NEIGHBOUR_FEATURES,
    batch.NEIGHBOUR_MASK,
    batch.CONCEPTS,
)


@dataclass(frozen=True)
class Predictions:
    """Predictions of a split, one row an image, in the split's order.

    Attributes:
      image_ids: the images.
      sequences: n-best word or label lists of each image, best first; empty without a decoder.
      scores: their log probabilities, the search's ranking score.
      concept_probabilities: (images, num_concepts) float32.
    """

    image_ids: list[str]
    sequences: list[list[list[str]]]
    scores: list[list[float]]
    concept_probabilities: np.ndarray


def predict(
    annotator: Annotator,
    inputs: Inputs,
    vocabularies: Vocabularies,
    decoding: DecodingConfig,
    **options: Any,
) -> Predictions:
    """Annotates every image of a split with one model; the rest is as for `predict_together`."""
    return predict_together(Ensemble([annotator]), [inputs], vocabularies, decoding, **options)


def predict_together(
    ensemble: Ensemble,
    inputs: Sequence[Inputs],
    vocabularies: Vocabularies,
    decoding: DecodingConfig,
    batch_size: int = 64,
    num_results: int = 1,
    with_sequences: bool = True,
    progress: str | None = None,
) -> Predictions:
    """Annotates every image of a split by the mean of several models' probabilities.

    Args:
      ensemble: the models.
      inputs: of each, on one split; `concepts` without `image` or `features` feeds the ground
        truth to the decoder, as the relational stage's validation does.
      vocabularies: the experiment's names.
      decoding: how sequences are searched.
      batch_size: images at once.
      num_results: sequences kept of each image; fewer where the search found no more.
      with_sequences: False: the concept probabilities alone.
      progress: text of a progress bar, or None.

    Returns:
      One prediction an image.
    """
    output = vocabularies.output
    dataset = tf.data.Dataset.zip(tuple(evaluation_batches(own, batch_size) for own in inputs))
    spec = tuple({k: v for k, v in own.items() if k in _READ} for own in dataset.element_spec)

    searching = ensemble.has_decoder and with_sequences
    in_bfloat16 = searching and scores_in_bfloat16(decoding.bfloat16_output)
    tables = ensemble.input_tables() if searching else None

    @tf.function(input_signature=[spec])
    def run(tensors: tuple[dict[str, tf.Tensor], ...]) -> tuple:
        outputs = ensemble.encode(tensors)
        probabilities = ensemble.concept_probabilities(outputs)
        if not searching:
            return probabilities, None, None
        found = search(
            *ensemble.search_start(outputs, tables, in_bfloat16),
            decoding,
            start_id=output.start_id,
            end_id=output.end_id,
            unknown_id=output.unknown_id,
            num_results=num_results,
        )
        return probabilities, found.token_ids, found.scores

    image_ids, probabilities, sequences, scores = [], [], [], []
    total = -(-inputs[0].split.num_images // batch_size)
    for tensors in tqdm(dataset, total=total, desc=progress, disable=progress is None):
        image_ids += [x.decode() for x in tensors[0][batch.IMAGE_ID].numpy()]
        wanted = tuple({k: own[k] for k in names} for names, own in zip(spec, tensors, strict=True))
        made, token_ids, own_scores = run(wanted)
        probabilities.append(made.numpy())
        if token_ids is None:
            continue
        for ids, values in zip(token_ids.numpy(), own_scores.numpy().tolist(), strict=True):
            # Where fewer sequences exist than were asked for, the rest is padding.
            kept = max(1, sum(value > float("-inf") for value in values))
            sequences.append([output.decode(one) for one in ids[:kept]])
            scores.append(values[:kept])
    return Predictions(image_ids, sequences, scores, np.concatenate(probabilities))


def decoder_label_scores(
    ensemble: Ensemble,
    inputs: Sequence[Inputs],
    vocabularies: Vocabularies,
    decoding: DecodingConfig,
    batch_size: int = 64,
    progress: str | None = None,
) -> np.ndarray:
    """Returns how sure the decoder is of each label of each image, see `decoding.label_scores`.

    Args:
      ensemble: the models.
      inputs: of each, on one split.
      vocabularies: the experiment's names; the labels are the concepts.
      decoding: `max_steps` is read.
      batch_size: images at once.
      progress: text of a progress bar, or None.

    Returns:
      (images, num_concepts) float32, in the order of the concepts.
    """
    output = vocabularies.output
    dataset = tf.data.Dataset.zip(tuple(evaluation_batches(own, batch_size) for own in inputs))
    spec = tuple({k: v for k, v in own.items() if k in _READ} for own in dataset.element_spec)
    tables = ensemble.input_tables()

    @tf.function(input_signature=[spec])
    def run(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        return label_scores(
            *ensemble.search_start(ensemble.encode(tensors), tables),
            start_id=output.start_id,
            end_id=output.end_id,
            max_steps=decoding.max_steps,
        )

    rows = []
    total = -(-inputs[0].split.num_images // batch_size)
    for tensors in tqdm(dataset, total=total, desc=progress, disable=progress is None):
        wanted = tuple({k: own[k] for k in names} for names, own in zip(spec, tensors, strict=True))
        rows.append(run(wanted).numpy())
    return np.concatenate(rows)[:, output.encode(vocabularies.concepts.names)]
