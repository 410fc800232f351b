"""Consensus reranking of a run's hypotheses by the captions of the nearest training images."""

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
from semreg_tf.data.dataset_digests import content_key
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
_ONE_VIEW = ("test_views", 1)


class Consensus:
    """Compares captions of a split's images with the captions of their nearest training images.

    The distance is between the features that the decoders read; those of several runs are
    concatenated. A training image is not its own neighbour.

    Args:
      model: the captioner that computes the features.
      split: the split.
      neighbours: neighbours of each image; all training images where there are fewer.
      folder: the cache of the features, which are computed once for a checkpoint.
    """

    def __init__(self, model: EvaluatedModel, split: Split, neighbours: int, folder: Path) -> None:
        train = model.split(model.config.data.train_split)
        captioned = [i for i, a in enumerate(train.annotations) if a.captions]
        features, train_features = (encoded_features(model, s, folder) for s in (split, train))
        k = min(neighbours + 1, len(captioned))
        nearest = nearest_images(features, train_features[captioned], k)
        ids = np.array([train.annotations[i].image_id for i in captioned])
        self._neighbours = [
            row[ids[row] != a.image_id][:neighbours]
            for row, a in zip(nearest, split.annotations, strict=True)
        ]
        self._similarity = NgramSimilarity(
            [list(map(list, train.annotations[i].tokens)) for i in captioned]
        )

    def compare(self, hypotheses: Sequence[Sequence[Sequence[str]]], kind: str) -> list[Compared]:
        """Compares every image's hypotheses, lists of words, with its neighbours' captions."""
        images = compare_with_neighbours(hypotheses, self._neighbours, self._similarity, kind)
        return list(tqdm(images, total=len(hypotheses), desc=f"consensus by {kind}", unit="image"))


def hypotheses_of(model: EvaluatedModel, split: Split, number: int) -> Predictions:
    """Returns `number` hypotheses of each image, from a beam that is at least as wide."""
    return model.predict(split, number, beam_width=max(number, model.config.decoding.beam_width))


def reordered(predictions: Predictions, orders: Sequence[Sequence[int]]) -> Predictions:
    """Returns predictions with each image's hypotheses in another order.

    Args:
      predictions: of a split.
      orders: for each image the indices of its hypotheses; a missing index drops the hypothesis.
    """

    def reorder(per_image: Sequence[Sequence[Any]]) -> list[list[Any]]:
        pairs = zip(per_image, orders, strict=True)
        return [[hypotheses[i] for i in order] for hypotheses, order in pairs]

    return dataclasses.replace(
        predictions,
        sequences=reorder(predictions.sequences),
        scores=reorder(predictions.scores),
    )


def reranked(model: EvaluatedModel, split: Split, folder: Path) -> tuple[Predictions, Predictions]:
    """Returns the hypotheses in the order of the search, and in the order of their consensus."""
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
    """Scores settings of the reranking by a metric of `caption_metrics`.

    The split must not be the one whose scores are reported.

    Returns:
      Pairs (setting, score), the highest score first.

    Raises:
      ValueError: `settings` is empty.
    """
    if not settings:
        raise ValueError("`settings` must hold at least one. Received: none")
    hypotheses = hypotheses_of(model, split, max(s.hypotheses for s in settings))
    consensus = Consensus(model, split, max(s.neighbours for s in settings), folder)
    scored = []
    for kind in sorted({s.similarity for s in settings}):
        compared = consensus.compare(hypotheses.sequences, kind)
        same_kind = [s for s in settings if s.similarity == kind]
        for setting in tqdm(same_kind, desc=f"settings of {kind}"):
            ranked = reordered(hypotheses, rerank(compared, setting))
            scores = scoring.caption_scores(ranked, split, meteor=False).scores
            scored.append((setting, scores[metric]))
    return sorted(scored, key=lambda pair: -pair[1])


def grid(
    similarities: Sequence[str],
    hypotheses: Sequence[int],
    neighbours: Sequence[int],
    best: Sequence[int],
) -> list[RerankingConfig]:
    """Returns one setting of the reranking for every combination of the values."""
    return [
        RerankingConfig(*values)
        for values in itertools.product(similarities, hypotheses, neighbours, best)
    ]


def encoded_features(model: EvaluatedModel, split: Split, folder: Path) -> np.ndarray:
    """Returns the features that the decoders read, (images, d) float32.

    Those of several models are concatenated. They are read from `folder` where it holds them.
    """
    members = model.ensemble.members
    size = sum(m.feature_size for m in members)
    arrays = [np.asarray(v) for m in members for v in _image_variables(m)]
    key = features_cache.cache_key(
        arrays,
        split=split.name,
        image_ids=[str(i) for i in split.encoded.image_ids],
        encoders=[dataclasses.asdict(m.config.encoder) for m in members],
        # Without the default of the newest field, so that caches of earlier versions stay valid.
        images=[
            {k: v for k, v in dataclasses.asdict(m.config.image).items() if (k, v) != _ONE_VIEW}
            for m in members
        ],
        **content_key(model.builder.data_dir),
    )
    inputs = model.inputs(split)

    @tf.function(reduce_retracing=True)
    def encode(tensors: tuple[dict[str, tf.Tensor], ...]) -> tf.Tensor:
        outputs = model.ensemble.encode(tensors)
        return tf.concat([tf.cast(x["features"], tf.float32) for x in outputs], axis=-1)

    def compute(first: int) -> Iterator[np.ndarray]:
        rows = np.arange(first, split.num_images)
        for tensors in SplitBatches(inputs, _BATCH_SIZE, rows):
            yield encode(tensors).numpy()[:, None]

    shape, title = (split.num_images, 1, size), f"features of {split.name}"
    return np.asarray(features_cache.load_or_compute(folder, key, shape, compute, title)[:, 0])


def _image_variables(annotator: Any) -> list[Any]:
    encoder = [] if annotator.encoder is None else stored_variables(annotator.encoder)
    return [*encoder, *annotator.head.variables]
