"""Evaluation of runs on a split: scores with intervals, predictions, and pictures to look at."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semreg_tf import config_io
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.likelihood import caption_perplexity
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.evaluation.runs import consensus, linear_fit, result_files
from semreg_tf.evaluation.runs.run_evaluator import RunEvaluator
from semreg_tf.metrics.bootstrap import Interval, caption_intervals, multilabel_intervals
from semreg_tf.metrics.caption_results import with_reranked
from semreg_tf.metrics.captions import CaptionMetrics
from semreg_tf.metrics.multilabel import ImageScores, best_threshold, per_image_scores

Paths = str | Path | Sequence[str | Path]
NUM_PICTURES = 40
_UNSUPERVISED = (
    "Nothing taught this model concepts (concepts.supervised is false), so there are no labels of "
    "the CNN alone and no mAP"
)


@plain_record_errors()
def evaluate_tags(
    path: Paths,
    data_dir: str | Path,
    split_name: str | None = None,
    cnn_path: str | Path | None = None,
    num_pictures: int = NUM_PICTURES,
    *,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Scores a tag model by Sec. 4.2, the plain CNN beside it, and writes `results.json`.

    Args:
      path: work directory of the run; of several the probabilities are averaged at each step.
      data_dir: the folder of prepared data sets.
      split_name: the split; None: the config's test split.
      cnn_path: work directory of the CNN alone (the unary stage); None: the run's own concept
        probabilities are cut.
      num_pictures: pictures kept for the report from the start of the split; the best and the
        worst by their F1 join them. With 0, none is kept.
      overrides: of the decoding, such as "decoding.block_repeats=true".
      out: folder of the results; None: the (first) work directory.

    Returns:
      What `results.json` holds: `systems` with their scores, and under the same names
      `intervals`, [low, high] of 95 % by the bootstrap over images.

    Raises:
      ValueError: a folder, split, vocabulary or override does not fit, or the split has no labels.
    """
    started = time.perf_counter()
    run = RunEvaluator(path, data_dir, overrides)
    run.check_task("tags")
    cnn = run if cnn_path is None else RunEvaluator(cnn_path, data_dir)
    run.check_cnn(cnn)
    folder = result_files.open_folder(run, out)
    split = run.split(split_name or run.config.data.test_split)
    scoring.check_annotated(split, "tags")
    predictions = run.predict(split)
    probabilities = predictions.concept_probabilities
    if cnn is not run:
        probabilities = cnn.concept_probabilities(cnn.split(split.name))
    if cnn.config.concepts.supervised:
        cuts, warnings = _cuts(run, cnn, split, probabilities)
    else:
        cuts, warnings = {}, [_UNSUPERVISED]
    targets = scoring.concept_targets(split)
    labels = {"ours": scoring.sequence_labels(predictions, split)} | cuts
    if not predictions.sequences:
        del labels["ours"]
    own = predictions.concept_probabilities if run.config.concepts.supervised else None
    ranking = dict.fromkeys(labels, probabilities)
    if predictions.sequences:
        labels |= _fixed_lengths(run.config.decoding.fixed_lengths, labels["ours"], own)
        ranking |= {name: own for name in labels if name.startswith("ours")}
        if run.config.decoding.combine and own is not None:
            combined, both = _combined(run, split, own)
            labels |= combined
            ranking |= dict.fromkeys(combined, both)
    results = {
        **result_files.about(run, split),
        "cnn": str(cnn.path),
        "systems": {n: scoring.tag_scores(split, x, ranking[n]) for n, x in labels.items()},
        "intervals": {n: _plain(multilabel_intervals(targets, x)) for n, x in labels.items()},
        "warnings": warnings,
    }
    rows = result_files.prediction_rows(run, split, predictions)
    main = per_image_scores(targets, next(iter(labels.values())))
    _add_tag_columns(rows, run.vocabularies.concepts.names, probabilities, cuts, main)
    pictured = result_files.pictured_rows(main.f1.tolist(), num_pictures)
    return _finish(folder, split, rows, results, pictured, started)


def _open(
    path: Paths,
    data_dir: str | Path,
    overrides: Sequence[str],
    out: str | Path | None,
    true_concepts: bool,
) -> RunEvaluator:
    if true_concepts and out is None:
        raise ValueError(
            "`out` must be given with `true_concepts`, whose scores are not the model's own. "
            "Received: out=None"
        )
    return RunEvaluator(path, data_dir, overrides, true_concepts)


def _add_tag_columns(
    rows: list[dict[str, Any]],
    names: Sequence[str],
    probabilities: np.ndarray,
    cuts: Mapping[str, np.ndarray],
    main: ImageScores,
) -> None:
    """Adds the CNN's labels, by falling probability, and the main system's scores of each image."""
    for i, row in enumerate(rows):
        ranked = result_files.by_score(probabilities[i])
        row["cnn"] = {cut: [names[j] for j in ranked if own[i, j]] for cut, own in cuts.items()}
        scores = (main.precision[i], main.recall[i], main.f1[i])
        row["scores"] = {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(("precision", "recall", "F1"), scores, strict=True)
        }


def _cuts(
    run: RunEvaluator, cnn: RunEvaluator, split: Split, probabilities: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the CNN's label sets by name, and warnings about the threshold."""
    name = run.config.data.validation_split
    if name == split.name:
        validation, own, told = split, probabilities, "validation, this very split"
        warnings = [
            "The threshold was chosen on the evaluated split itself, as this data set has no "
            "other: the scores there are an upper bound of what a threshold gives"
        ]
    else:
        validation, told, warnings = cnn.split(name), "validation", []
        own = cnn.concept_probabilities(validation)
    threshold, _ = best_threshold(scoring.concept_targets(validation), own)
    ks = sorted({run.config.decoding.top_k, *run.config.decoding.fixed_lengths})
    return scoring.cnn_cuts(probabilities, ks, threshold, told), warnings


def _combined(
    run: RunEvaluator, split: Split, probabilities: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns the label sets of CNN and decoder together, and the scores that they are cut from.

    A label's score is the geometric mean of its concept's probability and the decoder's, that is,
    the mean of the logarithms (ours).
    """

    def scores(split: Split, own: np.ndarray) -> np.ndarray:
        return np.sqrt(own * run.label_scores(split))

    both = scores(split, probabilities)
    validation = run.split(run.config.data.validation_split)
    own = run.concept_probabilities(validation)
    targets = scoring.concept_targets(validation)
    threshold, _ = best_threshold(targets, scores(validation, own))
    name = "ours with the CNN"
    return {
        f"{name}, cut at {threshold:.2f} (best on validation)": (both >= threshold).astype("u1"),
        **{
            f"{name}, top {k}": scoring.top_k_labels(both, k)
            for k in run.config.decoding.fixed_lengths
        },
    }, both


def _fixed_lengths(
    ks: Sequence[int], labels: np.ndarray, probabilities: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Returns the model's label sets at each fixed length; it needs concepts that were taught."""
    if probabilities is None:
        return {}
    return {f"ours, exactly {k}": scoring.fixed_length_labels(labels, probabilities, k) for k in ks}


@plain_record_errors()
def evaluate_captions(
    path: Paths,
    data_dir: str | Path,
    split_name: str | None = None,
    num_results: int | None = None,
    num_pictures: int = NUM_PICTURES,
    *,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    true_concepts: bool = False,
    submission_split: str | None = None,
    rerank: bool = False,
    **metric_options: Any,
) -> dict[str, Any]:
    """Scores a captioner by the COCO evaluation and its perplexity; writes `results.json`.

    A split without references, such as test2014, gets predictions and a submission file alone, and
    only where `submission_split` asks for it.

    Args:
      path: work directory of the run; of several the probabilities are averaged at each step.
      data_dir: the folder of prepared data sets.
      split_name: the split; None: the config's test split.
      num_results: captions kept of each image; None: the beam width.
      num_pictures: pictures kept for the report from the start of the split; the best and the
        worst by CIDEr join them. With 0, none is kept.
      overrides: of the decoding, such as "decoding.beam_width=5".
      out: folder of the results; None: the (first) work directory.
      true_concepts: the decoder is fed the ground truth, the ceiling of its interface; needs `out`.
      submission_split: the split's name in the submission file's, as the server calls it; None:
        the split's own, which must have references.
      rerank: whether the captions are also reranked by consensus with those of like training
        images, as `config.reranking` says; the submission then holds the reranked.
      **metric_options: passed to `caption_metrics`.

    Returns:
      What `results.json` holds: `captions` with the scores, and under the same names `intervals`,
      [low, high] of 95 % by the bootstrap over images. With `rerank` these are named
      `captions_before_reranking` and `intervals_before_reranking`, and `reranked` holds the other
      scores, see `add_reranked`.

    Raises:
      ValueError: a folder, split or override does not fit, or the split has no captions.
    """
    started = time.perf_counter()
    run = _open(path, data_dir, overrides, out, true_concepts)
    run.check_task("captions")
    split = run.split(split_name or run.config.data.test_split)
    if submission_split is None:
        scoring.check_annotated(
            split,
            "captions",
            "For its captions and a submission file alone, say what the COCO server calls the "
            "split (--submission_split=test2014).",
        )
    submission = result_files.submission_name(submission_split or split.name, run.config.name)
    folder = result_files.open_folder(run, out)
    predictions = run.predict(split, num_results or run.config.decoding.beam_width)
    rows = result_files.prediction_rows(run, split, predictions)
    metrics, scores, warnings = _score_captions(run, split, predictions, metric_options)
    _add_caption_scores(rows, {} if metrics is None else metrics.per_image)
    supervised = run.config.concepts.supervised
    results = {
        **result_files.about(run, split),
        "captions": scores,
        "intervals": {} if metrics is None else _plain(caption_intervals(metrics)),
        "warnings": warnings,
        "concept_mAP": _concept_map(split, predictions) if supervised else None,
        "submission": submission,
    }
    if rerank:
        reranked = add_reranked(run, split, folder, rows, metric_options)
        results = with_reranked(results, reranked)
    best = {row["image_id"]: row.get("reranked") or row["n_best"][0][0] for row in rows}
    result_files.write_submission(folder / submission, best)
    pictured = result_files.pictured_rows([r["scores"].get("CIDEr") for r in rows], num_pictures)
    return _finish(folder, split, rows, results, pictured, started)


def add_reranked(
    run: RunEvaluator,
    split: Split,
    folder: Path,
    rows: list[dict[str, Any]],
    metric_options: Mapping[str, Any],
) -> dict[str, Any]:
    """Reranks the captions as the config says and adds the best, `reranked`, to each row.

    Returns:
      The `settings`, where there are such the `fitted` weights, the scores under `captions`, their
      `intervals`, and under `first_hypotheses` the scores of the same search without reranking.
    """
    settings = config_io.to_dict(run.config)["reranking"]
    made: dict[str, Any] = {"settings": settings}
    if run.config.reranking.method == "linear":
        searched, ordered, made["fitted"] = linear_fit.reranked(run, split)
    else:
        searched, ordered = consensus.reranked(run, split, folder / "features")
    for row, words in zip(rows, ordered.sequences, strict=True):
        row["reranked"] = " ".join(words[0])
    if any(a.captions for a in split.annotations):
        metrics = scoring.caption_scores(ordered, split, **metric_options)
        made["captions"] = metrics.scores
        made["intervals"] = _plain(caption_intervals(metrics))
        first = scoring.caption_scores(searched, split, **metric_options)
        made["first_hypotheses"] = first.scores
    return made


def _concept_map(split: Split, predictions: Predictions) -> float | None:
    probabilities = predictions.concept_probabilities
    nothing = np.zeros(probabilities.shape, np.uint8)
    return scoring.tag_scores(split, nothing, probabilities)["mAP"]


def _add_caption_scores(
    rows: list[dict[str, Any]], per_image: Mapping[str, Mapping[Any, float]]
) -> None:
    """Adds each image's own scores; images without references have none."""
    for row in rows:
        image_id = row["image_id"]
        row["scores"] = {n: own[image_id] for n, own in per_image.items() if image_id in own}


def _score_captions(
    run: RunEvaluator, split: Split, predictions: Predictions, metric_options: Mapping[str, Any]
) -> tuple[CaptionMetrics | None, dict[str, Any], list[str]]:
    """Returns the metrics, the part of `results.json` that holds them, and warnings."""
    num_bare = sum(not a.captions for a in split.annotations)
    if num_bare == split.num_images:
        return None, {}, ["The split has no references: there is nothing to score against"]
    metrics = scoring.caption_scores(predictions, split, **metric_options)
    inputs = run.inputs(split, *batch.SEQUENCE_KEYS)
    perplexity = caption_perplexity(
        run.ensemble, inputs, run.vocabularies, progress=f"perplexity of {split.name}"
    )
    warnings = list(metrics.warnings)
    if num_bare:
        warnings.append(f"{num_bare} images have no reference and are left out of every score")
    # JSON knows no infinity.
    infinite = {name for name, value in perplexity.items() if not np.isfinite(value)}
    if infinite:
        warnings.append("The perplexity is beyond all bounds: the model rules out words that occur")
    perplexity = {name: None if name in infinite else v for name, v in perplexity.items()}
    return metrics, {**metrics.scores, **perplexity}, warnings


def _plain(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}


def _finish(
    folder: Path,
    split: Split,
    rows: list[dict[str, Any]],
    results: dict[str, Any],
    pictured: list[int],
    started: float,
) -> dict[str, Any]:
    results["elapsed_secs"] = round(time.perf_counter() - started, 1)
    result_files.write(folder, split, rows, results, pictured)
    return results
