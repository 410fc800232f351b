"""Retrieval by a captioner: images by a sentence and sentences by an image, scored by P(w|I)."""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch, features_cache
from semreg_tf.data.input_pipeline import Split, evaluation_batches
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation.runs import result_files
from semreg_tf.evaluation.runs.run_evaluator import RunEvaluator
from semreg_tf.evaluation.scoring import check_annotated
from semreg_tf.evaluation.sentence_scorer import SentenceScorer
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.retrieval import chance, retrieval_metrics

RESULTS_FILE = "retrieval.json"
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


@plain_record_errors()
def evaluate_retrieval(
    path: str | Path | Sequence[str | Path],
    data_dir: str | Path,
    split_name: str | None = None,
    *,
    num_images: int | None = None,
    num_sentences: int | None = None,
    marginal_images: int = 100,
    bfloat16_output: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Scores retrieval both ways (Mao et al. 2015) and writes `retrieval.json`.

    Images are ranked for a sentence by log P(w|I), END counted; sentences for an image by
    log P(w|I) - log P(w), where P(w) is the mean of P(w|I') over a sample of training images.
    The scores go to `retrieval/`, image after image: the same call resumes and reuses them.

    Args:
      path: work directory of the run; of several the probabilities are averaged at each step.
      data_dir: the folder of prepared data sets.
      split_name: the split; None: the config's test split.
      num_images: its first images with a caption; None: all.
      num_sentences: of their captions the first of each image, then the second, and so on until
        so many; None: all.
      marginal_images: training images behind P(w), a sample drawn by `seed`.
      bfloat16_output: whether words are scored in bfloat16.
      seed: of the sample.
      out: folder of the results; None: the (first) work directory.

    Returns:
      What `retrieval.json` holds: under "retrieval" the figures of each direction, under "chance"
      those of a scorer that knows nothing.

    Raises:
      ValueError: a folder, split or number does not fit.
    """
    started = time.perf_counter()
    run = RunEvaluator(path, data_dir)
    run.check_task("captions")
    split = run.split(split_name or run.config.data.test_split)
    check_annotated(split, "captions")
    chosen = choose(split, num_images, num_sentences)
    train = run.split(run.config.data.train_split)
    sample = _sample(train, marginal_images, seed)
    folder = result_files.open_folder(run, out)
    tokens, splits = _sentences(split, chosen.sequences)
    scorer = SentenceScorer(
        run.ensemble,
        tokens,
        splits,
        start_id=run.vocabularies.output.start_id,
        end_id=run.vocabularies.output.end_id,
        bfloat16_output=bfloat16_output,
    )
    scoring = _Scoring(run, scorer, folder / "retrieval", tokens, splits, bfloat16_output)
    scores = scoring.matrix(split, chosen.rows, f"scores of {split.name}")
    marginal = log_mean(scoring.matrix(train, sample, f"scores of {train.name}"))
    results = {
        **result_files.about(run, split),
        "num_images": len(chosen.rows),
        "num_sentences": len(chosen.sequences),
        "whole_split": num_images is None and num_sentences is None,
        "images_without_caption": split.num_images - int(_captioned(split).sum()),
        "marginal_images": len(sample),
        "precision": "bfloat16" if bfloat16_output else "float32",
        "rows_an_image": scorer.num_rows,
        "words_of_sentences": len(tokens) + len(splits) - 1,
        "unknown_rate": _unknown_rate(run, tokens, len(splits) - 1),
        **figures(scores, marginal, chosen.owners),
        "elapsed_secs": round(time.perf_counter() - started, 1),
    }
    write_json(folder / RESULTS_FILE, results)
    return results


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


class _Scoring:
    """Fills score matrices on disk, image after image."""

    def __init__(
        self,
        run: RunEvaluator,
        scorer: SentenceScorer,
        folder: Path,
        tokens: np.ndarray,
        splits: np.ndarray,
        bfloat16_output: bool,
    ) -> None:
        self._run, self._scorer, self._folder = run, scorer, folder
        self._num_sentences = len(splits) - 1
        weights = [
            np.asarray(variable)
            for member in run.ensemble.members
            for _, variable in sorted(member.all_variables().items())
        ]
        self._arrays = [*weights, tokens, splits]
        self._said = {"bfloat16_output": bfloat16_output, "what": "log P(w|I)"}

    def matrix(self, split: Split, rows: np.ndarray, what: str) -> np.ndarray:
        """Returns log P(w|I), (images, sentences) float32, memory-mapped."""
        image_ids = [str(split.encoded.image_ids[r]) for r in rows]
        key = features_cache.cache_key(
            self._arrays, split=split.name, image_ids=image_ids, **self._said
        )
        inputs = self._run.inputs(split)

        def compute(first: int) -> Iterator[np.ndarray]:
            datasets = tuple(evaluation_batches(own, _BATCH_SIZE, rows[first:]) for own in inputs)
            for tensors in tf.data.Dataset.zip(datasets):
                read = tuple(
                    {k: v for k, v in own.items() if k != batch.IMAGE_ID} for own in tensors
                )
                outputs = self._run.ensemble.encode(read)
                for i in range(int(tf.shape(tensors[0][batch.IMAGE_ID])[0])):
                    one = tuple({k: v[i : i + 1] for k, v in own.items()} for own in outputs)
                    yield self._scorer.score(one)[None, None]

        made = features_cache.load_or_compute(
            self._folder, key, len(rows), 1, self._num_sentences, compute, what
        )
        return made[:, 0]


def _captioned(split: Split) -> np.ndarray:
    return np.diff(split.encoded.sequence_splits) > 0


def _sentences(split: Split, sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bounds = split.encoded.token_splits
    own = [split.encoded.tokens[bounds[s] : bounds[s + 1]] for s in sequences]
    splits = np.array([0, *itertools.accumulate(map(len, own))], np.int64)
    return np.concatenate(own), splits


def _sample(split: Split, number: int, seed: int) -> np.ndarray:
    _check_number("marginal_images", number, 1, split.num_images)
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(split.num_images, number, replace=False))


def _unknown_rate(run: RunEvaluator, tokens: np.ndarray, num_sentences: int) -> float:
    unknown = run.vocabularies.output.unknown_id
    count = 0 if unknown is None else int((tokens == unknown).sum())
    return count / (len(tokens) + num_sentences)


def _check_number(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(
            f"`{name}` must be between {lowest} and {highest} here. Received: {name}={value}"
        )
