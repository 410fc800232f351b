"""Evaluation of a work directory on a split: scores, predictions, and pictures to look at."""

import dataclasses
import io
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, Split, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.metrics.multilabel import best_threshold
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec
from semreg_tf.training import evaluation, workdir
from semreg_tf.training.features import frozen_features, image_size
from semreg_tf.training.likelihood import caption_perplexity
from semreg_tf.training.predictions import Predictions, predict

logger = logging.getLogger(__name__)
TOP_CONCEPTS = 10
PICTURE_SIDE = 224


class RunEvaluator:
    """A trained run and the data it is judged on.

    Args:
      path: work directory of the run.
      data_dir: the folder of prepared data sets.
    """

    def __init__(self, path: str | Path, data_dir: str | Path) -> None:
        self.path = Path(path)
        self.config, self.vocabularies, self.annotator = workdir.load_annotator(path)
        self.builder = find_builder(data_dir, self.config.data.dataset)
        self.stage = workdir.read_stage(self.path)

    def split(self, name: str) -> Split:
        """Loads a split."""
        return load_split(self.builder, name, self.vocabularies, self.config.data)

    def inputs(self, split: Split, *more: str) -> Inputs:
        """Returns what an evaluation reads, besides `more`."""
        return _inputs(
            self.config, self.annotator, self.vocabularies, self.builder.data_dir, split, more
        )

    def predict(self, split: Split, num_results: int = 1) -> Predictions:
        """Annotates a split, with a progress bar; by score alone before the joint stage."""
        made = predict(
            self.annotator,
            self.inputs(split),
            self.vocabularies,
            self.config.decoding,
            num_results=num_results,
            progress=f"annotating {split.name}",
        )
        if self.stage == "unary":
            # The decoder has not been trained: its words mean nothing.
            made = dataclasses.replace(made, sequences=[], scores=[])
        return made


def _inputs(
    config: Config,
    annotator: Annotator,
    vocabularies: Vocabularies,
    data_dir: Any,
    split: Split,
    more: tuple[str, ...],
) -> Inputs:
    side = (batch.USER_TAGS,) if vocabularies.user_tags is not None else ()
    visual, features = batch.IMAGE, None
    if not config.encoder.trainable:
        visual = batch.FEATURES
        features = frozen_features(config, annotator, split, Path(str(data_dir)) / "features")
    return Inputs(
        split,
        (visual, *side, batch.IMAGE_ID, *more),
        config.image,
        image_size(config),
        encoder_spec(config.encoder.name).preprocessing,
        features,
    )


def evaluate_tags(
    path: str | Path,
    data_dir: str | Path,
    split_name: str | None = None,
    cnn_path: str | Path | None = None,
    num_pictures: int = 40,
) -> dict[str, Any]:
    """Scores a tag model by Sec. 4.2, the plain CNN beside it, and writes `results.json`.

    Args:
      path: work directory of the run.
      data_dir: the folder of prepared data sets.
      split_name: the split; None: the config's test split.
      cnn_path: work directory of the CNN alone (the unary stage); None: the run's own concept
        probabilities are cut.
      num_pictures: pictures kept for the report.

    Returns:
      What `results.json` holds.

    Raises:
      ValueError: a folder, split or vocabulary does not fit.
    """
    started = time.perf_counter()
    run = RunEvaluator(path, data_dir)
    _check_task(run, "tags")
    split = run.split(split_name or run.config.data.test_split)
    validation = run.split(run.config.data.validation_split)
    predictions = run.predict(split)
    cnn = run if cnn_path is None else RunEvaluator(cnn_path, data_dir)
    other = run.vocabularies.difference(cnn.vocabularies)
    if other:
        raise ValueError(f"`cnn_path` has another vocabulary: {other}. Received: {str(cnn_path)!r}")
    cnn_test = predictions if cnn is run else cnn.predict(split)
    targets = evaluation.concept_targets(validation)
    threshold, _ = best_threshold(targets, cnn.predict(validation).concept_probabilities)
    k = run.config.decoding.top_k
    cuts = evaluation.cnn_cuts(cnn_test.concept_probabilities, k, threshold)
    systems = {}
    if predictions.sequences:
        systems["ours"] = evaluation.tag_scores(predictions, split)
    for name, labels in cuts.items():
        systems[name] = evaluation.tag_scores(cnn_test, split, labels)
    names = run.vocabularies.concepts.names
    rows = _prediction_rows(run, split, predictions)
    for i, row in enumerate(rows):
        row["cnn"] = {
            cut: [names[j] for j in _by_score(cnn_test.concept_probabilities[i]) if labels[i, j]]
            for cut, labels in cuts.items()
        }
    results = {**_about(run, split), "systems": systems}
    return _write(run, split, rows, results, num_pictures, started)


def evaluate_captions(
    path: str | Path,
    data_dir: str | Path,
    split_name: str | None = None,
    num_results: int | None = None,
    num_pictures: int = 40,
    **metric_options: Any,
) -> dict[str, Any]:
    """Scores a captioner by the COCO evaluation and its perplexity; writes `results.json`.

    Args:
      path: work directory of the run.
      data_dir: the folder of prepared data sets.
      split_name: the split; None: the config's test split.
      num_results: captions kept of each image; None: the beam width.
      num_pictures: pictures kept for the report.
      **metric_options: passed to `caption_metrics`.

    Returns:
      What `results.json` holds.

    Raises:
      ValueError: a folder or split does not fit.
    """
    started = time.perf_counter()
    run = RunEvaluator(path, data_dir)
    _check_task(run, "captions")
    split = run.split(split_name or run.config.data.test_split)
    if run.annotator.decoder is None or run.stage == "unary":
        raise ValueError(
            "`workdir` must hold a trained decoder: give the joint run. "
            f"Received: workdir={str(path)!r}, of the {run.stage} stage"
        )
    predictions = run.predict(split, num_results or run.config.decoding.beam_width)
    metrics = evaluation.caption_scores(predictions, split, **metric_options)
    inputs = run.inputs(split, *batch.SEQUENCE_KEYS)
    perplexity = caption_perplexity(run.annotator, inputs, run.vocabularies)
    rows = _prediction_rows(run, split, predictions)
    for row in rows:
        row["scores"] = {
            name: values[row["image_id"]]
            for name, values in metrics.per_image.items()
            if row["image_id"] in values
        }
    results = {
        **_about(run, split),
        "captions": {**metrics.scores, **perplexity},
        "warnings": metrics.warnings,
        "concept_mAP": evaluation.tag_scores(
            predictions, split, np.zeros_like(evaluation.concept_targets(split))
        )["mAP"],
    }
    return _write(run, split, rows, results, num_pictures, started)


def _check_task(run: RunEvaluator, task: str) -> None:
    if run.config.data.task != task:
        raise ValueError(
            f"`workdir` must hold a run on {task}. "
            f"Received: workdir={str(run.path)!r}, of {run.config.name!r}"
        )


def _about(run: RunEvaluator, split: Split) -> dict[str, Any]:
    written = json.loads((run.path / workdir.CONFIG_FILE).read_text(encoding="utf-8"))
    return {
        "experiment": run.config.name,
        "table_row": run.config.table_row,
        "task": run.config.data.task,
        "stage": run.stage,
        "split": split.name,
        "num_images": split.num_images,
        "seed": run.config.seed,
        "commit": written["commit"],
    }


def _by_score(probabilities: np.ndarray) -> np.ndarray:
    return np.argsort(-probabilities, kind="stable")


def _prediction_rows(
    run: RunEvaluator, split: Split, predictions: Predictions
) -> list[dict[str, Any]]:
    names, counts = run.vocabularies.concepts.names, run.vocabularies.concepts.counts
    order = dict(zip(names, counts, strict=True))
    joined = " " if run.config.data.task == "captions" else ", "
    rows = []
    for i, annotation in enumerate(split.annotations):
        probabilities = predictions.concept_probabilities[i]
        rows.append(
            {
                "image_id": annotation.image_id,
                "file_name": annotation.file_name,
                # The supplement's figures show the human labels rare first.
                "labels": sorted(annotation.labels, key=lambda n: (order.get(n, 0), n)),
                "captions": list(annotation.captions),
                "n_best": [
                    [joined.join(words), score]
                    for words, score in zip(
                        predictions.sequences[i], predictions.scores[i], strict=True
                    )
                ]
                if predictions.sequences
                else [],
                "concepts": [
                    [names[j], round(float(probabilities[j]), 4)]
                    for j in _by_score(probabilities)[:TOP_CONCEPTS]
                ],
            }
        )
    return rows


def _write(
    run: RunEvaluator,
    split: Split,
    rows: list[dict[str, Any]],
    results: dict[str, Any],
    num_pictures: int,
    started: float,
) -> dict[str, Any]:
    folder = run.path / "pictures"
    folder.mkdir(exist_ok=True)
    for i, picture in enumerate(_pictures(split, num_pictures)):
        name = f"{split.name}-{i:05d}.jpg"
        (folder / name).write_bytes(picture)
        rows[i]["picture"] = f"pictures/{name}"
    path = run.path / "predictions.jsonl"
    partial = path.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    os.replace(partial, path)
    results = {**results, "elapsed_secs": round(time.perf_counter() - started, 1)}
    workdir.write_json(run.path / "results.json", results)
    return results


def _pictures(split: Split, number: int) -> list[bytes]:
    """Returns small JPEG copies of a split's first pictures."""
    made = []
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    for record in tf.data.TFRecordDataset(list(split.shards)).take(number):
        encoded = tf.io.parse_single_example(record, feature)["image"].numpy()
        with Image.open(io.BytesIO(encoded)) as picture:
            small = picture.convert("RGB")
            small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=85)
            made.append(out.getvalue())
    return made
