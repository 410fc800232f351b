"""Evaluation of a file of predictions, by any system, on a prepared split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import find_builder, stored_tokenizer
from semreg_tf.data.text import SCORED_AS_THEY_ARE, Tokenizer, tokenize
from semreg_tf.data.vocabulary import load_dataset_names
from semreg_tf.evaluation.evaluator import as_lists
from semreg_tf.evaluation.scoring import scored_references
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.bootstrap import caption_intervals, multilabel_intervals
from semreg_tf.metrics.captions import caption_metrics, list_some
from semreg_tf.metrics.coco_results import read_results
from semreg_tf.metrics.csv_results import is_csv, read_csv_results
from semreg_tf.metrics.multilabel import multilabel_metrics
from semreg_tf.metrics.tag_results import read_tag_results
from semreg_tf.name_hints import did_you_mean
from semreg_tf.text.cleaning import clean_caption, clean_name

TASKS = ("captions", "tags")
WITHOUT_LABELS = ("none", "unknown")


@dataclass(frozen=True)
class PreparedSplit:
    """A split of a data set in a folder of prepared ones."""

    data_dir: str | Path
    dataset: str
    split: str = "test"


def evaluate_predictions(
    predictions: str | Path,
    task: str,
    on: PreparedSplit,
    *,
    allow_missing: bool = False,
    without_labels: str = "none",
    out: str | Path | None = None,
    **metric_options: Any,
) -> dict[str, Any]:
    """Scores a file of captions or labels that any system wrote.

    Ids are compared as text: 42 equals "42". Empty captions and lists are counted and score 0.

    Args:
      predictions: captions: the COCO results format, a JSON list of `{"image_id", "caption"}`;
        tags: JSON Lines of `{"image_id", "labels"}`; both: a file that ends in .csv or .tsv with
        these columns, labels separated by `|`.
      task: "captions" or "tags".
      on: the split with the ground truth.
      allow_missing: whether images without a prediction are counted and left out of every score.
        By default they are refused, since leaving them out can raise the scores (ours).
      without_labels: for tags, what is true of images without labels: that they have "none", or,
        as their labels are "unknown", nothing, so that they have no scores.
      out: the JSON file to write the results to, or None.
      **metric_options: passed to `caption_metrics`.

    Returns:
      The scores (`captions`, or `systems` by the file's name), their `intervals` and `warnings` as
      in `results.json` of a run; `num_images` (scored), `num_missing`, `num_empty`.

    Raises:
      TypeError: an id, a caption or a label has the wrong type.
      ValueError: the file cannot be read (the error names the line or entry), an image or a class
        is unknown, an image is predicted twice, or an image has no prediction.
    """
    options = {"task": (task, TASKS), "without_labels": (without_labels, WITHOUT_LABELS)}
    for name, (value, allowed) in options.items():
        if value not in allowed:
            expected = ", ".join(map(repr, allowed))
            raise ValueError(f"`{name}` must be one of {expected}. Received: {name}={value!r}")
    by_image_id = _read(predictions, task)
    builder = find_builder(on.data_dir, on.dataset)
    annotations = read_annotations(builder.data_dir, on.split)
    pairs, num_missing = _join(by_image_id, annotations, on.split, allow_missing)
    results = {"predictions": str(predictions), "task": task, "dataset": on.dataset}
    results |= {"split": on.split, "num_images": len(pairs), "num_missing": num_missing}
    if task == "captions":
        results |= _caption_scores(pairs, on.split, stored_tokenizer(builder), metric_options)
    else:
        classes = load_dataset_names(builder.data_dir, "labels")
        _check_labelled(pairs, classes, on.split)
        scored = [(a, x) for a, x in pairs if a.labels or without_labels == "none"]
        results["num_images"] = len(scored)
        results |= _tag_scores(scored, classes, Path(predictions).stem)
        if len(scored) < len(pairs):
            results["warnings"].append(
                f"{len(pairs) - len(scored)} images have no labels and are left out"
            )
    if num_missing:
        results["warnings"].append(f"{num_missing} images have no prediction and are left out")
    if out is not None:
        write_json(out, results)
    return results


def _read(predictions: str | Path, task: str) -> Mapping[int | str, Any]:
    if is_csv(predictions):
        return read_csv_results(predictions, "caption" if task == "captions" else "labels")
    return (read_results if task == "captions" else read_tag_results)(predictions)


def _join(
    by_image_id: Mapping[int | str, Any],
    annotations: Sequence[Annotation],
    split_name: str,
    allow_missing: bool,
) -> tuple[list[tuple[Annotation, Any]], int]:
    """Returns pairs (annotation, prediction) in the split's order, and how many are missing."""
    by_text: dict[str, Any] = {}
    for image_id, prediction in by_image_id.items():
        if str(image_id) in by_text:
            raise ValueError(
                "`predictions` must name each image once; ids are compared as text. "
                f"Received: image_id {str(image_id)!r} as a number and as a string"
            )
        by_text[str(image_id)] = prediction
    known = {a.image_id for a in annotations}
    unknown = [image_id for image_id in by_text if image_id not in known]
    if unknown:
        raise ValueError(
            f"`predictions` must be of images of the split {split_name!r}, whose ids look like "
            f"{annotations[0].image_id!r}. "
            f"Received: {len(unknown)} unknown images, {list_some(unknown)}"
        )
    missing = [a.image_id for a in annotations if a.image_id not in by_text]
    if missing and not allow_missing:
        raise ValueError(
            f"`predictions` must be of all {len(annotations)} images of the split {split_name!r}; "
            "--allow_missing scores only the predicted ones. "
            f"Received: {len(missing)} images without a prediction, {list_some(missing)}"
        )
    if len(missing) == len(annotations):
        raise ValueError("`predictions` must hold at least one image. Received: none")
    pairs = [(a, by_text[a.image_id]) for a in annotations if a.image_id in by_text]
    return pairs, len(missing)


def _caption_scores(
    pairs: Sequence[tuple[Annotation, str]],
    split_name: str,
    tokenizer: Tokenizer,
    metric_options: Mapping[str, Any],
) -> dict[str, Any]:
    scored = [(a, caption) for a, caption in pairs if a.captions]
    if not scored:
        raise ValueError(
            "`split` must have reference captions of the predicted images. "
            f"Received: split={split_name!r}, {len(pairs)} images without any"
        )
    hypotheses = {a.image_id: clean_caption(caption).text for a, caption in scored}
    if tokenizer in SCORED_AS_THEY_ARE:
        metric_options = {**metric_options, "tokenizer": "blanks"}
        hypotheses = {i: " ".join(tokenize(text, tokenizer)) for i, text in hypotheses.items()}
    references = {a.image_id: scored_references(a, tokenizer) for a, _ in scored}
    metrics = caption_metrics(references, hypotheses, **metric_options)
    warnings = list(metrics.warnings)
    if len(scored) < len(pairs):
        warnings.append(f"{len(pairs) - len(scored)} images have no reference and are left out")
    return {
        "num_empty": metrics.num_empty,
        "captions": dict(metrics.scores),
        "intervals": as_lists(caption_intervals(metrics)),
        "warnings": warnings,
    }


def _check_labelled(
    pairs: Sequence[tuple[Annotation, Sequence[str]]], classes: NameList, split_name: str
) -> None:
    if not len(classes):
        raise ValueError(
            "`task` must be 'captions' for a data set without labels. Received: task='tags'"
        )
    if not any(annotation.labels for annotation, _ in pairs):
        raise ValueError(
            "`split` must have labels of the predicted images. "
            f"Received: split={split_name!r}, {len(pairs)} images without any"
        )


def _tag_scores(
    pairs: Sequence[tuple[Annotation, Sequence[str]]], classes: NameList, system: str
) -> dict[str, Any]:
    index = classes.index
    targets, predicted = (np.zeros((len(pairs), len(classes)), np.uint8) for _ in range(2))
    for row, (annotation, raw_labels) in enumerate(pairs):
        labels = [label if label in index else clean_name(label).text for label in raw_labels]
        unknown = next((label for label in labels if label not in index), None)
        if unknown is not None:
            raise ValueError(
                f"`predictions` must use the data set's {len(classes)} class names"
                f"{did_you_mean(unknown, classes.names)} "
                f"Received: label {unknown!r} of image {annotation.image_id!r}"
            )
        predicted[row, [index[label] for label in labels]] = 1
        targets[row, [index[label] for label in annotation.labels]] = 1
    scores = multilabel_metrics(targets, predicted, class_names=classes.names)
    warnings = []
    if scores.num_empty_predictions:
        warnings.append(
            f"{scores.num_empty_predictions} predictions hold no label and have precision 0"
        )
    return {
        "num_empty": scores.num_empty_predictions,
        "systems": {system: scores.as_dict()},
        "intervals": {system: as_lists(multilabel_intervals(targets, predicted))},
        "warnings": warnings,
    }
