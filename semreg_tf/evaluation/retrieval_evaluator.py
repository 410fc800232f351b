"""Retrieval with a captioner, scored by P(w|I): images for a sentence, sentences for an image."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data import features_cache
from semreg_tf.data.dataset_digests import content_key
from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation
from semreg_tf.evaluation.scoring import check_annotated
from semreg_tf.evaluation.sentence_scorer import Sentences, SentenceScorer
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.metrics.retrieval import chance, retrieval_metrics

IMAGES, SENTENCES = "image by sentence", "sentence by image"
# Images encoded at once; they are scored one after another.
_BATCH_SIZE = 32


@dataclass(frozen=True)
class Candidates:
    """The images and sentences of a split that are scored.

    Attributes:
      rows: indices of the images in the split, (images,) int64, ascending.
      sequences: indices of the sentences in the split, (sentences,) int64, ascending.
      owners: for each sentence the index in `rows` of its image, (sentences,) int64.
    """

    rows: np.ndarray
    sequences: np.ndarray
    owners: np.ndarray


@dataclass(frozen=True)
class RetrievalEvaluator:
    """Scores retrieval in both directions (Mao et al. 2015).

    Images are ranked for a sentence by log P(w|I), END counted; sentences for an image by
    log P(w|I) - log P(w), where P(w) is the mean of P(w|I') over a sample of training images.
    The scores are written to `folder` image by image, so a stopped evaluation resumes.

    Attributes:
      num_images: number of images, the first of the split with a caption; None: all.
      num_sentences: number of captions: the first of each image, then the second of each, and so
        on; None: all.
      marginal_images: size of the sample of training images for P(w).
      bfloat16_output: whether word scores are computed in bfloat16.
      seed: of the sample.
      folder: the cache of the scores of (image, sentence) pairs.
    """

    num_images: int | None = None
    num_sentences: int | None = None
    marginal_images: int = 100
    bfloat16_output: bool = False
    seed: int = 0
    folder: Path = Path("retrieval")

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Scores every pair; see `Evaluator.run`.

        Returns:
          "retrieval": the figures of each direction; "chance": those of random scores; "pairs":
          numbers and settings of what was scored. There are no rows.
        """
        chosen, train, sample = self.choose(model, split)
        sentences = _sentences(split, chosen.sequences)
        scorer = SentenceScorer(model.ensemble, sentences, bfloat16_output=self.bfloat16_output)
        matrix = partial(self._matrix, model, scorer, sentences)
        scores = matrix(split, chosen.rows)
        marginal = log_mean(matrix(train, sample))
        unknown_id, tokens = model.vocabularies.output.unknown_id, sentences.tokens
        unknown = 0 if unknown_id is None else int((tokens == unknown_id).sum())
        num_words = len(tokens) + len(sentences.token_splits) - 1
        about_pairs = {
            "num_images": len(chosen.rows),
            "num_sentences": len(chosen.sequences),
            "whole_split": self.num_images is None and self.num_sentences is None,
            "images_without_caption": split.num_images - int(_captioned(split).sum()),
            "marginal_images": len(sample),
            "precision": "bfloat16" if self.bfloat16_output else "float32",
            "rows_an_image": scorer.num_rows,
            "words_of_sentences": num_words,
            "unknown_rate": unknown / num_words,
        }
        return Evaluation({**figures(scores, marginal, chosen.owners), "pairs": about_pairs})

    def choose(self, model: EvaluatedModel, split: Split) -> tuple[Candidates, Split, np.ndarray]:
        """Returns the candidates, the training split, and its rows in the sample for P(w).

        Raises:
          ValueError: the split has no captions, or fewer images or sentences than requested.
        """
        check_annotated(split, "captions")
        chosen = choose(split, self.num_images, self.num_sentences)
        train = model.split(model.config.data.train_split)
        return chosen, train, _sample(train, self.marginal_images, self.seed)

    def _matrix(
        self,
        model: EvaluatedModel,
        scorer: SentenceScorer,
        sentences: Sentences,
        split: Split,
        rows: np.ndarray,
    ) -> np.ndarray:
        """Returns log P(w|I), (images, sentences) float32, cached on disk image by image."""
        variables = [m.all_variables() for m in model.ensemble.members]
        weights = [np.asarray(v) for named in variables for _, v in sorted(named.items())]
        key = features_cache.cache_key(
            [*weights, sentences.tokens, sentences.token_splits],
            split=split.name,
            image_ids=[str(split.encoded.image_ids[r]) for r in rows],
            bfloat16_output=self.bfloat16_output,
            what="log P(w|I)",
            **content_key(model.builder.data_dir),
        )
        inputs = model.inputs(split)

        def compute(first: int) -> Iterator[np.ndarray]:
            for tensors in SplitBatches(inputs, _BATCH_SIZE, rows[first:]):
                outputs = model.ensemble.encode(tensors)
                for i in range(int(tf.shape(tf.nest.flatten(outputs)[0])[0])):
                    of_image = tuple({k: v[i : i + 1] for k, v in x.items()} for x in outputs)
                    yield scorer.score(of_image)[None, None]

        shape = len(rows), 1, len(sentences.token_splits) - 1
        title = f"scores of {split.name}"
        return features_cache.load_or_compute(self.folder, key, shape, compute, title)[:, 0]


def choose(split: Split, num_images: int | None, num_sentences: int | None) -> Candidates:
    """Chooses images and sentences of a split, see `RetrievalEvaluator`.

    Raises:
      ValueError: the split has fewer, or `num_sentences` is below the number of images.
    """
    rows = np.flatnonzero(_captioned(split))
    if num_images is not None:
        _check_number("num_images", num_images, 1, len(rows))
        rows = rows[:num_images]
    bounds = split.encoded.sequence_splits
    of_image = [np.arange(bounds[r], bounds[r + 1]) for r in rows]
    sequences = np.concatenate(of_image) if of_image else np.zeros(0, np.int64)
    if num_sentences is not None:
        _check_number("num_sentences", num_sentences, len(rows), len(sequences))
        rank_in_image = np.concatenate([np.arange(len(x)) for x in of_image])
        sequences = np.sort(sequences[np.argsort(rank_in_image, kind="stable")[:num_sentences]])
    owners = np.searchsorted(rows, np.searchsorted(bounds, sequences, side="right") - 1)
    return Candidates(rows, sequences, owners)


def figures(scores: np.ndarray, marginal: np.ndarray, owners: np.ndarray) -> dict[str, Any]:
    """Computes the retrieval metrics of both directions.

    Args:
      scores: log P(w|I), (images, sentences) float32.
      marginal: log P(w), (sentences,).
      owners: the image of each sentence, (sentences,).

    Returns:
      `retrieval`: `RetrievalMetrics.as_dict` by direction, and for sentences also without the
      marginal; `chance`: the same for random scores.
    """
    images = np.arange(len(scores))
    retrieval = {
        IMAGES: retrieval_metrics(scores.T, owners, images),
        SENTENCES: retrieval_metrics(scores - marginal, images, owners),
        f"{SENTENCES}, not normalised": retrieval_metrics(scores, images, owners),
    }
    random = {IMAGES: chance(owners, images), SENTENCES: chance(images, owners)}
    return {
        "retrieval": {name: metrics.as_dict() for name, metrics in retrieval.items()},
        "chance": {name: metrics.as_dict() for name, metrics in random.items()},
    }


def log_mean(scores: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the mean over images of P(w|I), (sentences,) float64."""
    values = np.asarray(scores, np.float64)
    highest = np.maximum(values.max(axis=0), np.finfo(np.float64).min)
    with np.errstate(divide="ignore"):
        return highest + np.log(np.exp(values - highest).mean(axis=0))


def _captioned(split: Split) -> np.ndarray:
    return np.diff(split.encoded.sequence_splits) > 0


def _sentences(split: Split, sequences: np.ndarray) -> Sentences:
    bounds, output = split.encoded.token_splits, split.vocabularies.output
    tokens = [split.encoded.tokens[bounds[s] : bounds[s + 1]] for s in sequences]
    splits = np.array([0, *itertools.accumulate(map(len, tokens))], np.int64)
    return Sentences(np.concatenate(tokens), splits, output.start_id, output.end_id)


def _sample(split: Split, number: int, seed: int) -> np.ndarray:
    _check_number("marginal_images", number, 1, split.num_images)
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(split.num_images, number, replace=False))


def _check_number(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(
            f"`{name}` must be between {lowest} and {highest} here. Received: {name}={value}"
        )
