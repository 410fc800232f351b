"""Consensus reranking of a run's captions: its hypotheses, its features, the training captions."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from semreg_tf.config import RerankingConfig
from semreg_tf.data import features_cache
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.evaluation.reranking import Compared, compare_with_neighbours, nearest_images, rerank
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.metrics.ngram_similarity import NgramSimilarity
from semreg_tf.models.encoder import stored_variables

_BATCH_SIZE = 32


class Consensus:
    """What the training images say about those of a split.

    Neighbours are found by the features that the decoders read, of several runs joined; an image
    that is itself a training image is not its own neighbour.

    Args:
      model: whose features are used.
      split: of the images.
      neighbours: how many are found of each image; all training images where there are fewer.
      folder: where the features are kept, computed once for a checkpoint.
    """

    def __init__(self, model: EvaluatedModel, split: Split, neighbours: int, folder: Path) -> None:
        train = model.split(model.config.data.train_split)
        known = [i for i, a in enumerate(train.annotations) if a.captions]
        own, theirs = (encoded_features(model, s, folder) for s in (split, train))
        found = nearest_images(own, theirs[known], min(neighbours + 1, len(known)))
        ids = np.array([train.annotations[i].image_id for i in known])
        self._neighbours = [
            row[ids[row] != a.image_id][:neighbours]
            for row, a in zip(found, split.annotations, strict=True)
        ]
        self._similarity = NgramSimilarity(
            [list(map(list, train.annotations[i].tokens)) for i in known]
        )

    def compare(self, hypotheses: Sequence[Sequence[Sequence[str]]], kind: str) -> list[Compared]:
        """Compares every image's hypotheses, lists of words, with its neighbours' captions."""
        made = compare_with_neighbours(hypotheses, self._neighbours, self._similarity, kind)
        return list(tqdm(made, total=len(hypotheses), desc=f"consensus by {kind}", unit="image"))


def hypotheses_of(model: EvaluatedModel, split: Split, number: int) -> Predictions:
    """Searches with a beam as wide as there are hypotheses to rerank."""
    return model.predict(split, number, beam_width=max(number, model.config.decoding.beam_width))


def reordered(predictions: Predictions, orders: Sequence[Sequence[int]]) -> Predictions:
    """Returns predictions whose hypotheses stand in other orders; what is in none is left out."""
    return dataclasses.replace(
        predictions,
        sequences=[
            [own[i] for i in order]
            for own, order in zip(predictions.sequences, orders, strict=True)
        ],
        scores=[
            [own[i] for i in order] for own, order in zip(predictions.scores, orders, strict=True)
        ],
    )


def reranked(model: EvaluatedModel, split: Split, folder: Path) -> tuple[Predictions, Predictions]:
    """Returns the hypotheses in the search's order, and in that of their consensus."""
    config = model.config.reranking
    hypotheses = hypotheses_of(model, split, config.hypotheses)
    consensus = Consensus(model, split, config.neighbours, folder)
    compared = consensus.compare(hypotheses.sequences, config.similarity)
    return hypotheses, reordered(hypotheses, rerank(compared, config))


@plain_record_errors()
def try_settings(
    model: EvaluatedModel,
    split: Split,
    settings: Sequence[RerankingConfig],
    folder: Path,
    metric: str = "CIDEr",
) -> list[tuple[RerankingConfig, float]]:
    """Scores settings of the reranking on a split, the best first.

    Args:
      model: the captioner.
      split: one that is not the one reported.
      settings: those to try.
      folder: where features are kept.
      metric: of `caption_metrics`.

    Returns:
      Each setting and its score.

    Raises:
      ValueError: nothing to try.
    """
    if not settings:
        raise ValueError("`settings` must hold at least one. Received: none")
    hypotheses = hypotheses_of(model, split, max(s.hypotheses for s in settings))
    consensus = Consensus(model, split, max(s.neighbours for s in settings), folder)
    made = []
    for kind in sorted({s.similarity for s in settings}):
        compared = consensus.compare(hypotheses.sequences, kind)
        own = [s for s in settings if s.similarity == kind]
        for one in tqdm(own, desc=f"settings of {kind}"):
            ranked = reordered(hypotheses, rerank(compared, one))
            scores = scoring.caption_scores(ranked, split, meteor=False).scores
            made.append((one, scores[metric]))
    return sorted(made, key=lambda pair: -pair[1])


def grid(
    similarities: Sequence[str],
    hypotheses: Sequence[int],
    neighbours: Sequence[int],
    best: Sequence[int],
) -> list[RerankingConfig]:
    """Returns every combination of the values."""
    return [
        RerankingConfig(*values)
        for values in itertools.product(similarities, hypotheses, neighbours, best)
    ]


def encoded_features(model: EvaluatedModel, split: Split, folder: Path) -> np.ndarray:
    """Returns the features that the decoders read, of all models joined, (images, d) float32."""
    members = model.ensemble.members
    size = sum(m.feature_size for m in members)
    arrays = [np.asarray(v) for m in members for v in _image_variables(m)]
    key = features_cache.cache_key(
        arrays,
        split=split.name,
        image_ids=[str(i) for i in split.encoded.image_ids],
        encoders=[dataclasses.asdict(m.config.encoder) for m in members],
        images=[dataclasses.asdict(m.config.image) for m in members],
    )
    inputs = model.inputs(split)

    @tf.function(reduce_retracing=True)
    def encode(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        outputs = model.ensemble.encode(tensors)
        return tf.concat([tf.cast(own["features"], tf.float32) for own in outputs], axis=-1)

    def compute(first: int) -> Iterator[np.ndarray]:
        rows = np.arange(first, split.num_images)
        for tensors in SplitBatches(inputs, _BATCH_SIZE, rows):
            yield encode(tensors).numpy()[:, None]

    what = f"features of {split.name}"
    shape = (split.num_images, 1, size)
    made = features_cache.load_or_compute(folder, key, shape, compute, what)
    return np.asarray(made[:, 0])


def _image_variables(annotator: Any) -> list[Any]:
    encoder = [] if annotator.encoder is None else stored_variables(annotator.encoder)
    return [*encoder, *annotator.head.variables]
