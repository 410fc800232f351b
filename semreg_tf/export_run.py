"""Export of runs with their model card, and comparison of the scores of a run and its export."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
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
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.model_card import write_card
from semreg_tf.exporting.provenance import Provenance, ScoreComparison
from semreg_tf.exporting.served_annotator import exported_decoding
from semreg_tf.files.export_info import ASSETS, INFO_FILE, is_export
from semreg_tf.files.json_files import read_json_object
from semreg_tf.image_annotation import ImageAnnotation, tasks_of
from semreg_tf.inference import ExportedModel
from semreg_tf.label_task import LABEL_RESULTS
from semreg_tf.training import checkpoints, study_records, workdir
from semreg_tf.training.exported_weights import load_exported
from semreg_tf.training.phases import REWARD

_CAPTION_METRICS = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr")
_TAG_METRICS = ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `export_run`.

    Attributes:
      num_results: number of sequences in an answer; None: the beam width.
      weights_dtype: dtype of the matrices on disk.
      compare_on: a split on which the scores of run and export are compared for the card, or None.
      data_dir: the folder of prepared data sets, required to compare.
      overrides: overrides of the decoding, such as "decoding.block_unknown=true".

    Raises:
      ValueError: there is a split to compare on and no `data_dir`.
    """

    num_results: int | None = None
    weights_dtype: str = "float32"
    compare_on: str | None = None
    data_dir: str | Path | None = None
    overrides: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.compare_on is not None and self.data_dir is None:
            raise ValueError(
                "`data_dir` must be given to compare scores. "
                f"Received: data_dir=None, compare_on={self.compare_on!r}"
            )


@plain_record_errors()
def export_run(
    run: str | Path, out: str | Path, num_results: int | None = None, **fields: Any
) -> tuple[Path, ScoreComparison | None]:
    """Exports a run's best checkpoint with its config, vocabularies and results.

    Args:
      run: the work directory.
      out: the folder to write.
      num_results: as in `ExportOptions`.
      **fields: the other fields of `ExportOptions`.

    Returns:
      The folder, and the comparison or None.

    Raises:
      ValueError: an invalid folder, split or dtype.
    """
    options = ExportOptions(num_results=num_results, **fields)
    parts = _read_parts(run, options.overrides)
    part, config, compare_on = parts[0], parts[0].config, options.compare_on
    if len(parts) > 1 and compare_on is not None:
        raise ValueError(
            "`compare_on` must be None for a run on captions and labels. "
            f"Received: compare_on={compare_on!r}"
        )
    evaluator = split = None
    if compare_on is not None:
        # Before the export is written, so that an unknown split is reported at once.
        block_repeats = str(exported_decoding(config).block_repeats).lower()
        overrides = [*options.overrides, f"decoding.block_repeats={block_repeats}"]
        evaluator = EvaluatedRun(run, options.data_dir, overrides)
        evaluator.check_task(config.data.task)
        split = evaluator.split(compare_on)
        scoring.check_annotated(split, config.data.task)
    path = export_parts(parts, out, num_results, weights_dtype=options.weights_dtype)
    if evaluator is None:
        return path, None
    comparison = compare(evaluator, split, ExportedModel(path))
    info = read_json_object(path / INFO_FILE, "path")
    write_card(path, part, info, comparison)
    return path, comparison


@plain_record_errors()
def export_runs(
    runs: Sequence[str | Path],
    out: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
    overrides: Sequence[str] = (),
) -> Path:
    """Exports a run on captions and a run on tags, in either order, as one model of both.

    The other arguments are fields of `ExportOptions`. The info of the folder, which is returned,
    has the number of CNNs under "encoders".

    Raises:
      ValueError: not two folders, or runs that cannot be combined.
    """
    if len(runs) != 2:
        raise ValueError(
            "`workdir` may be given once, or twice for a run on captions and a run on tags. "
            f"Received: {len(runs)} work directories"
        )
    parts = [part for run in runs for part in _read_parts(run, overrides)]
    if len(parts) != 2:
        raise ValueError(
            "`workdir` may be given once alone for a run on captions and labels. "
            f"Received: {len(runs)} work directories with {len(parts)} models"
        )
    return export_parts(parts, out, num_results, weights_dtype=weights_dtype)


@plain_record_errors()
def export_run_litert(
    run: str | Path,
    out: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
    overrides: Sequence[str] = (),
    also: Callable[[Path, dict[str, Any]], None] | None = None,
) -> Path:
    """Exports a run's best checkpoint, or an existing SavedModel export, as a LiteRT file.

    The other arguments are as for `export_litert`, and `overrides` as in `ExportOptions`.

    Raises:
      ValueError: an invalid folder or dtype, or a model that LiteRT cannot run.
    """
    if is_export(run):
        tasks = tasks_of(read_json_object(Path(run) / INFO_FILE, "workdir"))
        parts = [read_export_part(run, overrides)]
    else:
        parts = _read_parts(run, overrides)
        tasks = tuple(part.task for part in parts)
    if len(tasks) != 1:
        raise ValueError(
            "`workdir` must hold a captioner or a tag model alone with format=litert. "
            f"Received: workdir={str(run)!r}, with both"
        )
    return export_litert(parts[0], out, num_results, weights_dtype=weights_dtype, also=also)


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


def _read_parts(run: str | Path, overrides: Sequence[str]) -> list[ExportPart]:
    """Returns a run's model; for a run on captions and labels the captioner and the tag model."""
    model = workdir.load_annotator(run)
    models, results = [model], ["."]
    if model[0].labels is not None:
        models = [workdir.caption_part(*model), workdir.label_part(*model)]
        results.append(LABEL_RESULTS)
    return [
        ExportPart(
            override_decoding(config, overrides),
            vocabularies,
            annotator,
            read_provenance(run, folder),
        )
        for (config, vocabularies, annotator), folder in zip(models, results, strict=True)
    ]


def read_provenance(run: str | Path, results_in: str = ".") -> Provenance:
    """Returns the provenance of a run from its work directory, without what is missing there.

    The model's results are in the folder `results_in` of it.
    """
    folder = Path(run)
    about = workdir.read_about(folder)
    results = folder / results_in / "results.json"
    trained = folder / study_records.TRAINED_FILE
    about_training = read_json_object(trained, "workdir") if trained.exists() else {}
    sources, phases = (about_training.get(n, ()) for n in ("weights_from", "phases"))
    return Provenance(
        commit=about.get("commit"),
        stage=about.get("stage"),
        step=checkpoints.read_state(checkpoints.best_or_last(folder))["step"],
        versions=about.get("versions", {}),
        results=read_json_object(results, "workdir") if results.exists() else {},
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
    stream = model.annotate_stream(_pictures(split), tags)
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


def _pictures(split: Split) -> Iterator[bytes]:
    reader = split.record_reader()
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    for row in range(split.num_images):
        (record,) = reader.read(np.array([row]))
        yield tf.io.parse_single_example(record, feature)["image"].numpy()


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
