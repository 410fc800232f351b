"""Retrieval by a captioner: images by a sentence and sentences by an image, scored by P(w|I)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data import features_cache
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
      rows: the images' rows in the split, (images,) int64, rising.
      sequences: the sentences' places among the split's, (sentences,) int64, rising.
      owners: each sentence's place among `rows`, (sentences,) int64.
    """

    rows: np.ndarray
    sequences: np.ndarray
    owners: np.ndarray


@dataclass(frozen=True)
class RetrievalEvaluator:
    """Judges retrieval both ways (Mao et al. 2015).

    Images are ranked for a sentence by log P(w|I), END counted; sentences for an image by
    log P(w|I) - log P(w), where P(w) is the mean of P(w|I') over a sample of training images.
    The scores go to `folder`, image after image: the same evaluation resumes and reuses them.

    Attributes:
      num_images: the split's first images with a caption; None: all.
      num_sentences: of their captions the first of each image, then the second, and so on until
        so many; None: all.
      marginal_images: training images behind P(w), a sample drawn by `seed`.
      bfloat16_output: whether words are scored in bfloat16.
      seed: of the sample.
      folder: where the scores of pairs are kept.
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
          Under "retrieval" the figures of each direction, under "chance" those of a scorer that
          knows nothing, under "pairs" what was scored. There are no rows.
        """
        chosen, train, sample = self.choose(model, split)
        sentences = _sentences(split, chosen.sequences)
        scorer = SentenceScorer(model.ensemble, sentences, bfloat16_output=self.bfloat16_output)
        pairs = _Pairs(model, scorer, self, sentences)
        scores = pairs.matrix(split, chosen.rows)
        marginal = log_mean(pairs.matrix(train, sample))
        unknown_id, tokens = model.vocabularies.output.unknown_id, sentences.tokens
        unknown = 0 if unknown_id is None else int((tokens == unknown_id).sum())
        num_words = len(tokens) + len(sentences.token_splits) - 1
        told = {
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
        return Evaluation({**figures(scores, marginal, chosen.owners), "pairs": told})

    def choose(self, model: EvaluatedModel, split: Split) -> tuple[Candidates, Split, np.ndarray]:
        """Returns what is scored, the training split, and its rows that are behind P(w).

        Raises:
          ValueError: the split has no captions, or there are fewer images or sentences than asked.
        """
        check_annotated(split, "captions")
        chosen = choose(split, self.num_images, self.num_sentences)
        train = model.split(model.config.data.train_split)
        return chosen, train, _sample(train, self.marginal_images, self.seed)


def choose(split: Split, num_images: int | None, num_sentences: int | None) -> Candidates:
    """Chooses the first images that have a caption, and of their captions the first of each.

    Raises:
      ValueError: there are fewer, or fewer sentences than images are asked for.
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
        turn = np.concatenate([np.arange(len(own)) for own in of_image])
        sequences = np.sort(sequences[np.argsort(turn, kind="stable")[:num_sentences]])
    owners = np.searchsorted(rows, np.searchsorted(bounds, sequences, side="right") - 1)
    return Candidates(rows, sequences, owners)


def figures(scores: np.ndarray, marginal: np.ndarray, owners: np.ndarray) -> dict[str, Any]:
    """Computes the figures of both directions.

    Args:
      scores: log P(w|I), (images, sentences) float32.
      marginal: log P(w), (sentences,).
      owners: the image of each sentence, (sentences,).

    Returns:
      `retrieval`: by direction what `RetrievalMetrics.as_dict` says, and of sentences also
      without the marginal; `chance`: the same of a scorer that knows nothing.
    """
    images = np.arange(len(scores))
    found = {
        IMAGES: retrieval_metrics(scores.T, owners, images),
        SENTENCES: retrieval_metrics(scores - marginal, images, owners),
        f"{SENTENCES}, not normalised": retrieval_metrics(scores, images, owners),
    }
    nothing = {IMAGES: chance(owners, images), SENTENCES: chance(images, owners)}
    return {
        "retrieval": {name: metrics.as_dict() for name, metrics in found.items()},
        "chance": {name: metrics.as_dict() for name, metrics in nothing.items()},
    }


def log_mean(scores: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the mean over images of P(w|I), (sentences,) float64."""
    values = np.asarray(scores, np.float64)
    highest = np.maximum(values.max(axis=0), np.finfo(np.float64).min)
    with np.errstate(divide="ignore"):
        return highest + np.log(np.exp(values - highest).mean(axis=0))


class _Pairs:
    """Fills score matrices on disk, image after image."""

    def __init__(
        self,
        model: EvaluatedModel,
        scorer: SentenceScorer,
        evaluator: RetrievalEvaluator,
        sentences: Sentences,
    ) -> None:
        self._model, self._scorer, self._folder = model, scorer, evaluator.folder
        self._num_sentences = len(sentences.token_splits) - 1
        weights = [
            np.asarray(variable)
            for member in model.ensemble.members
            for _, variable in sorted(member.all_variables().items())
        ]
        self._arrays = [*weights, sentences.tokens, sentences.token_splits]
        self._said = {"bfloat16_output": evaluator.bfloat16_output, "what": "log P(w|I)"}

    def matrix(self, split: Split, rows: np.ndarray) -> np.ndarray:
        """Returns log P(w|I), (images, sentences) float32, memory-mapped."""
        image_ids = [str(split.encoded.image_ids[r]) for r in rows]
        key = features_cache.cache_key(
            self._arrays, split=split.name, image_ids=image_ids, **self._said
        )
        inputs = self._model.inputs(split)

        def compute(first: int) -> Iterator[np.ndarray]:
            for tensors in SplitBatches(inputs, _BATCH_SIZE, rows[first:]):
                outputs = self._model.ensemble.encode(tensors)
                for i in range(int(tf.shape(tf.nest.flatten(outputs)[0])[0])):
                    one = tuple({k: v[i : i + 1] for k, v in own.items()} for own in outputs)
                    yield self._scorer.score(one)[None, None]

        what = f"scores of {split.name}"
        shape = (len(rows), 1, self._num_sentences)
        found = features_cache.load_or_compute(self._folder, key, shape, compute, what)
        return found[:, 0]


def _captioned(split: Split) -> np.ndarray:
    return np.diff(split.encoded.sequence_splits) > 0


def _sentences(split: Split, sequences: np.ndarray) -> Sentences:
    bounds, output = split.encoded.token_splits, split.vocabularies.output
    own = [split.encoded.tokens[bounds[s] : bounds[s + 1]] for s in sequences]
    splits = np.array([0, *itertools.accumulate(map(len, own))], np.int64)
    return Sentences(np.concatenate(own), splits, output.start_id, output.end_id)


def _sample(split: Split, number: int, seed: int) -> np.ndarray:
    _check_number("marginal_images", number, 1, split.num_images)
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(split.num_images, number, replace=False))


def _check_number(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(
            f"`{name}` must be between {lowest} and {highest} here. Received: {name}={value}"
        )
