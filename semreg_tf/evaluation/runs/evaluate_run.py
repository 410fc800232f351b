"""Evaluation of runs on a split: scores with intervals, predictions, and pictures."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf import config_io
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation import consensus
from semreg_tf.evaluation.caption_evaluator import CaptionEvaluator
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.likelihood_evaluator import LikelihoodEvaluator
from semreg_tf.evaluation.runs import linear_fit, result_files
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.runs.options import CaptionOptions, TagOptions
from semreg_tf.evaluation.scoring import check_annotated
from semreg_tf.evaluation.tag_evaluator import TagEvaluator
from semreg_tf.metrics.caption_results import with_reranked

# Without its folder, since records of studies hold the warnings too.
_OTHER_CNN = "The CNN's labels are those of another run, {} after its {} stage"
Paths = str | Path | Sequence[str | Path]


@plain_record_errors()
def evaluate_tags(
    path: Paths, data_dir: str | Path, options: TagOptions | None = None
) -> dict[str, Any]:
    """Scores a tag model and the CNN alone (Sec. 4.2), and writes `results.json`.

    Args:
      path: work directory of the run; the probabilities of several are averaged at each step.
      data_dir: the folder of prepared data sets.
      options: the split, the CNN, the decoding, the output folder; None: the defaults.

    Returns:
      The contents of `results.json`: `systems` with their scores, and under the same names
      `intervals`, the 95 % intervals [low, high] of the bootstrap over images;
      `combine_threshold`, the best of CNN and decoder combined, or None if they are not.

    Raises:
      ValueError: a folder, split, vocabulary or override is invalid, or the split has no labels.
    """
    started = time.perf_counter()
    options = options or TagOptions()
    run = EvaluatedRun(path, data_dir, options.overrides, task="tags")
    run.check_task("tags")
    cnn = run if options.cnn_path is None else EvaluatedRun(options.cnn_path, data_dir, task="tags")
    run.check_cnn(cnn)
    folder = result_files.open_folder(run, options.out)
    split = run.split(options.split or run.config.data.test_split)
    evaluation = TagEvaluator(cnn=None if cnn is run else cnn).run(run, split)
    results = {
        **result_files.about(run, split),
        "cnn": str(cnn.path),
        "systems": evaluation.scores,
        "intervals": evaluation.intervals(),
        "combine_threshold": evaluation.combine_threshold,
        "warnings": [
            *run.warnings,
            *evaluation.warnings,
            *([] if cnn.path == run.path else [_OTHER_CNN.format(cnn.config.name, cnn.stage)]),
        ],
    }
    rows = list(evaluation.rows())
    pictured = result_files.pictured_rows([r["scores"]["F1"] for r in rows], options.num_pictures)
    results["elapsed_secs"] = round(time.perf_counter() - started, 1)
    result_files.write(folder, split, rows, results, pictured)
    return results


@plain_record_errors()
def evaluate_captions(
    path: Paths, data_dir: str | Path, options: CaptionOptions | None = None
) -> dict[str, Any]:
    """Scores a captioner by the COCO evaluation and its perplexity; writes `results.json`.

    A split without references, such as test2014, gets predictions and a submission file but no
    scores, and needs `options.submission_split`.

    Args:
      path: work directory of the run; the probabilities of several are averaged at each step.
      data_dir: the folder of prepared data sets.
      options: the split, the decoding, reranking, the output folder; None: the defaults.

    Returns:
      The contents of `results.json`: `captions` with the scores, and under the same names
      `intervals`, the 95 % intervals [low, high] of the bootstrap over images. With
      `options.rerank` these are named `captions_before_reranking` and
      `intervals_before_reranking`, and `reranked` is the output of `add_reranked`.

    Raises:
      ValueError: a folder, split or override is invalid, or the split has no captions.
    """
    started = time.perf_counter()
    options = options or CaptionOptions()
    run = EvaluatedRun(path, data_dir, options.overrides, options.true_concepts)
    run.check_task("captions")
    split = run.split(options.split or run.config.data.test_split)
    if options.submission_split is None:
        check_annotated(
            split,
            "captions",
            "To write only captions and a submission file, give the COCO server's name of the "
            "split (--submission_split=test2014).",
        )
    submission = result_files.submission_name(
        options.submission_split or split.name, run.config.name
    )
    folder = result_files.open_folder(run, options.out)
    number = options.num_results or run.config.decoding.beam_width
    evaluation = CaptionEvaluator(number, False, options.metric_options).run(run, split)
    likelihood, warnings = _likelihood(run, split) if evaluation.scores else ({}, [])
    rows = list(evaluation.rows())
    supervised = run.config.concepts.supervised
    results = {
        **result_files.about(run, split),
        "captions": {**evaluation.main, **likelihood},
        "intervals": evaluation.intervals().get("captions", {}),
        "warnings": [*run.warnings, *evaluation.warnings, *warnings],
        "concept_mAP": ConceptEvaluator("mAP").run(run, split).main["mAP"] if supervised else None,
        "submission": submission,
    }
    if options.rerank:
        reranked = add_reranked(run, split, folder, rows, options)
        results = with_reranked(results, reranked)
    best = {row["image_id"]: row.get("reranked") or row["n_best"][0][0] for row in rows}
    result_files.write_submission(folder / submission, best)
    scores = [row["scores"].get("CIDEr") for row in rows]
    pictured = result_files.pictured_rows(scores, options.num_pictures)
    results["elapsed_secs"] = round(time.perf_counter() - started, 1)
    result_files.write(folder, split, rows, results, pictured)
    return results


def add_reranked(
    run: EvaluatedRun,
    split: Split,
    folder: Path,
    rows: list[dict[str, Any]],
    options: CaptionOptions,
) -> dict[str, Any]:
    """Reranks the captions by the config and adds the best one to each row as `reranked`.

    Returns:
      The `settings`, for linear reranking the `fitted` weights, and with references the scores as
      `captions`, their `intervals`, and as `first_hypotheses` the scores of the same search without
      reranking.
    """
    settings = config_io.to_dict(run.config)["reranking"]
    reranked: dict[str, Any] = {"settings": settings}
    if run.config.reranking.method == "linear":
        searched, ordered, reranked["fitted"] = linear_fit.reranked(run, split)
    else:
        searched, ordered = consensus.reranked(run, split, folder / "features")
    for row, words in zip(rows, ordered.sequences, strict=True):
        row["reranked"] = " ".join(words[0])
    if any(a.captions for a in split.annotations):
        evaluator = CaptionEvaluator(metric_options=options.metric_options)
        best = evaluator.judge(run, split, ordered)
        reranked |= {"captions": best.main, "intervals": best.intervals()["captions"]}
        reranked["first_hypotheses"] = evaluator.judge(run, split, searched).main
    return reranked


def _likelihood(run: EvaluatedRun, split: Split) -> tuple[dict[str, Any], list[str]]:
    """Returns the figures of `LikelihoodEvaluator`, None where infinite, and its warnings."""
    evaluation = LikelihoodEvaluator().run(run, split)
    # JSON has no infinity.
    finite = {k: v if math.isfinite(v) else None for k, v in evaluation.main.items()}
    return finite, evaluation.warnings
