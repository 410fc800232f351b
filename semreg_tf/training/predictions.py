"""What a model says of a split: sequences by search, concept probabilities, labels by score."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from semreg_tf.config import DecodingConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.decoding.search import search
from semreg_tf.models.annotator import Annotator


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
    batch_size: int = 64,
    num_results: int = 1,
    progress: str | None = None,
) -> Predictions:
    """Annotates every image of a split.

    Args:
      annotator: the models.
      inputs: `image` or `features` (and `user_tags`) among its keys; `concepts` alone feeds the
        ground truth to the decoder, as the relational stage's validation does.
      vocabularies: the experiment's names.
      decoding: how sequences are searched.
      batch_size: images at once.
      num_results: sequences kept of each image.
      progress: text of a progress bar, or None.

    Returns:
      One prediction an image.
    """
    given = batch.IMAGE not in inputs.keys and batch.FEATURES not in inputs.keys
    output = vocabularies.output

    dataset = evaluation_batches(inputs, batch_size)
    spec = {k: v for k, v in dataset.element_spec.items() if k in _READ}

    @tf.function(input_signature=[spec])
    def run(tensors: dict[str, tf.Tensor]) -> tuple:
        if given:
            outputs = {"concept_probabilities": tensors[batch.CONCEPTS]}
        else:
            outputs = annotator.encode(tensors)
        if annotator.decoder is None:
            return outputs["concept_probabilities"], None, None
        step, state, context = annotator.search_start(outputs)
        found = search(
            step,
            state,
            context,
            decoding,
            start_id=output.start_id,
            end_id=output.end_id,
            num_results=num_results,
        )
        return outputs["concept_probabilities"], found.token_ids, found.scores

    image_ids, probabilities, sequences, scores = [], [], [], []
    total = -(-inputs.split.num_images // batch_size)
    for tensors in tqdm(dataset, total=total, desc=progress, disable=progress is None):
        image_ids += [x.decode() for x in tensors[batch.IMAGE_ID].numpy()]
        made, token_ids, own_scores = run({k: tensors[k] for k in spec})
        probabilities.append(made.numpy())
        if token_ids is not None:
            sequences += [[output.decode(ids) for ids in image] for image in token_ids.numpy()]
            scores += own_scores.numpy().tolist()
    return Predictions(image_ids, sequences, scores, np.concatenate(probabilities))


_READ = (batch.IMAGE, batch.FEATURES, batch.USER_TAGS, batch.CONCEPTS)
