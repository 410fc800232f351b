"""Export of runs with their model card, and comparison of the scores of a run and its export."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from semreg_tf.config import Config
from semreg_tf.data.input_pipeline import Split
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.caption_evaluator import CaptionEvaluator
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun, override_decoding
from semreg_tf.evaluation.tag_evaluator import TagEvaluator
from semreg_tf.export import export_parts
from semreg_tf.export_litert import export_litert
from semreg_tf.exporting.export_options import ExportOptions
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.model_card import write_card
from semreg_tf.exporting.provenance import Provenance, ScoreComparison
from semreg_tf.exporting.served_annotator import exported_decoding
from semreg_tf.files.export_info import ASSETS, INFO_FILE, LITERT, is_export
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.result_origin import other_run, other_weights
from semreg_tf.image_annotation import ImageAnnotation, tasks_of
from semreg_tf.inference import ExportedModel
from semreg_tf.label_task import LABEL_RESULTS, overrides_of_part
from semreg_tf.training import checkpoints, study_records, workdir
from semreg_tf.training.exported_weights import load_exported
from semreg_tf.training.phases import REWARD

logger = logging.getLogger(__name__)
_CAPTION_METRICS = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr")
_TAG_METRICS = ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1")


@plain_record_errors()
def export_run(
    runs: str | Path | Sequence[str | Path],
    out: str | Path,
    num_results: int | None = None,
    **fields: Any,
) -> tuple[Path, ScoreComparison | None]:
    """Exports a run's best checkpoint with its config, vocabularies and results.

    Args:
      runs: the work directory; or those of a run on captions and of a run on tags, in either order,
        for one model of both; or for a LiteRT file a SavedModel's folder.
      out: the folder to write.
      num_results: as in `ExportOptions`.
      **fields: the other fields of `ExportOptions`.

    Returns:
      The folder, and the comparison or None.

    Raises:
      ValueError: an invalid folder, split or dtype, runs that cannot be combined, or a model that
        LiteRT cannot run.

    Example:
      >>> path, _ = export_run(["runs/captions/joint", "runs/tags/joint"], "runs/both")
      >>> path, _ = export_run("runs/joint", "runs/phone", format="litert", weights_dtype="int8")
    """
    options = ExportOptions(num_results=num_results, **fields)
    runs = [runs] if isinstance(runs, str | PathLike) else list(runs)
    options.check_number(len(runs))
    stored = {"num_results": num_results, "weights_dtype": options.weights_dtype}
    if options.format == LITERT:
        part = _litert_part(runs[0], options.overrides)
        return export_litert(part, out, **stored, also=options.also), None
    parts = [part for run in runs for part in _read_parts(run, options.overrides, len(runs))]
    if len(runs) == 2 != len(parts):
        raise ValueError(
            "`workdir` may be given once alone for a run on captions and labels. "
            f"Received: {len(runs)} work directories with {len(parts)} models"
        )
    compared = _compared(runs[0], parts, options)
    path = export_parts(parts, out, **stored)
    if compared is None:
        return path, None
    comparison = compare(*compared, ExportedModel(path))
    write_card(path, parts[0], read_json_object(path / INFO_FILE, "path"), comparison)
    return path, comparison


def _compared(
    run: str | Path, parts: Sequence[ExportPart], options: ExportOptions
) -> tuple[EvaluatedRun, Split] | None:
    """Returns the run and the split to compare on, so that an unknown split is told at once."""
    if options.compare_on is None:
        return None
    if len(parts) > 1:
        raise ValueError(
            "`compare_on` must be None for a run on captions and labels. "
            f"Received: compare_on={options.compare_on!r}"
        )
    config = parts[0].config
    block_repeats = str(exported_decoding(config).block_repeats).lower()
    overrides = [*options.overrides, f"decoding.block_repeats={block_repeats}"]
    evaluated = EvaluatedRun(run, options.data_dir, overrides)
    evaluated.check_task(config.data.task)
    split = evaluated.split(options.compare_on)
    scoring.check_annotated(split, config.data.task)
    return evaluated, split


def _litert_part(run: str | Path, overrides: Sequence[str]) -> ExportPart:
    """Returns the model of a run or of a SavedModel's folder, if it is one alone."""
    if is_export(run):
        tasks = tasks_of(read_json_object(Path(run) / INFO_FILE, "workdir"))
        parts = [read_export_part(run, overrides)]
    else:
        parts = _read_parts(run, overrides, 1)
        tasks = tuple(part.task for part in parts)
    if len(tasks) != 1:
        raise ValueError(
            "`workdir` must hold a captioner or a tag model alone with format=litert. "
            f"Received: workdir={str(run)!r}, with both"
        )
    return parts[0]


def read_export_part(folder: str | Path, overrides: Sequence[str] = ()) -> ExportPart:
    """Loads the model of a SavedModel export, to be exported again.

    Raises:
      ValueError: the folder does not hold a complete export.
    """
    config, vocabularies, annotator, stage = load_exported(folder)
    assets = Path(folder) / ASSETS
    info = read_json_object(Path(folder) / INFO_FILE, "workdir")
    versions = read_json_object(assets / "config.json", "workdir").get("versions", {})
    results = assets / "results.json"
    provenance = Provenance(
        commit=info.get("commit"),
        stage=stage,
        step=info.get("step"),
        versions=versions,
        results=read_json_object(results, "workdir") if results.exists() else {},
        started_from_model=info.get("started_from_model", False),
        reward_steps=info.get("reward_steps", 0),
    )
    return ExportPart(override_decoding(config, overrides), vocabularies, annotator, provenance)


def _read_parts(run: str | Path, overrides: Sequence[str], num_runs: int) -> list[ExportPart]:
    """Returns a run's model; for a run on captions and labels the captioner and the tag model.

    Of two models each is changed by its `overrides_of_part`.
    """
    model = workdir.load_annotator(run)
    models, results = [model], ["."]
    if model[0].labels is not None:
        models = [workdir.caption_part(*model), workdir.label_part(*model)]
        results.append(LABEL_RESULTS)

    def changed(config: Config) -> Config:
        if max(num_runs, len(models)) == 1:
            return override_decoding(config, overrides)
        return override_decoding(config, overrides_of_part(overrides, config.data.task))

    return [
        ExportPart(
            changed(config),
            vocabularies,
            annotator,
            read_provenance(run, folder),
        )
        for (config, vocabularies, annotator), folder in zip(models, results, strict=True)
    ]


def read_provenance(run: str | Path, results_in: str = ".") -> Provenance:
    """Returns the provenance of a run from its work directory, without what is missing there.

    The model's results are in the folder `results_in` of it. Those of another run, data set or
    checkpoint are left out, with a warning.
    """
    folder = Path(run)
    about = workdir.read_about(folder)
    path = folder / results_in / "results.json"
    results = read_json_object(path, "workdir") if path.exists() else {}
    difference = other_run(results, about) or other_weights(results, about, folder)
    if difference:
        logger.warning("%s is %s: the export leaves its scores out", path, difference)
    trained = folder / study_records.TRAINED_FILE
    about_training = read_json_object(trained, "workdir") if trained.exists() else {}
    sources, phases = (about_training.get(n, ()) for n in ("weights_from", "phases"))
    return Provenance(
        commit=about.get("commit"),
        stage=about.get("stage"),
        step=checkpoints.read_state(checkpoints.best_or_last(folder))["step"],
        versions=about.get("versions", {}),
        results={} if difference else results,
        left_out=difference,
        started_from_model=any(name.startswith("init_from") for name in sources),
        reward_steps=sum(p["steps"] for p in phases if p["name"] == REWARD),
    )


def compare(run: EvaluatedRun, split: Split, model: ExportedModel) -> ScoreComparison:
    """Compares the scores of a run and of its export, which reads the stored images, on a split.

    Returns:
      The scores of both, without METEOR, which needs Java.
    """
    ours = run.predict(split)
    theirs = _predict_exported(model, split)
    if not ours.sequences:
        # For a CNN without decoder, the top k labels are compared, which its export returns.
        ours = _with_top_labels(ours, run.config, split)
    scored = [_scores(run, split, x) for x in (ours, theirs)]
    same = [a[0] == b[0] for a, b in zip(ours.sequences, theirs.sequences, strict=True)]
    return ScoreComparison(
        split.name,
        split.num_images,
        {name: (value, scored[1][name]) for name, value in scored[0].items()},
        float(np.mean(same)),
    )


def _with_top_labels(predictions: Predictions, config: Config, split: Split) -> Predictions:
    names = split.vocabularies.concepts.names
    k = config.decoding.top_k
    ranked = np.argsort(-predictions.concept_probabilities, axis=1, kind="stable")[:, :k]
    sequences = [[[names[i] for i in row]] for row in ranked]
    return replace(predictions, sequences=sequences)


def _predict_exported(model: ExportedModel, split: Split) -> Predictions:
    tags = None
    if split.vocabularies.user_tags is not None:
        tags = (",".join(a.user_tags) for a in split.annotations)
    stream = model.annotate_stream(split.pictures(range(split.num_images)), tags)
    names = {name: i for i, name in enumerate(split.vocabularies.concepts.names)}
    sequences, scores = [], []
    probabilities = np.zeros((split.num_images, len(names)), np.float32)
    annotations: Iterator[ImageAnnotation] = tqdm(
        stream, total=split.num_images, desc=f"the export on {split.name}"
    )
    for row, annotation in enumerate(annotations):
        if annotation.error:
            raise ValueError(f"`split` holds a picture that the export refuses: {annotation.error}")
        for name, probability in annotation.concepts:
            probabilities[row, names[name]] = probability
        if model.task == "tags":
            sequences.append([list(labels) for labels in annotation.n_best_labels])
        else:
            sequences.append([text.split() for text, _ in annotation.n_best])
        scores.append([score for _, score in annotation.n_best])
    return Predictions([a.image_id for a in split.annotations], sequences, scores, probabilities)


def _scores(run: EvaluatedRun, split: Split, predictions: Predictions) -> dict[str, float]:
    if run.config.data.task == "tags":
        scores = TagEvaluator(compares=False).judge(run, split, predictions).main
        return {name: scores[name] for name in (*_TAG_METRICS, "mAP") if scores[name] is not None}
    evaluator = CaptionEvaluator(metric_options={"meteor": False})
    captions = evaluator.judge(run, split, predictions).main
    scores = {name: captions[name] for name in _CAPTION_METRICS}
    if not run.config.concepts.supervised:
        return scores
    probabilities = predictions.concept_probabilities
    return scores | {"concept mAP": scoring.mean_average_precision(split, probabilities)}
