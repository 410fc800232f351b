"""Linear reranking of a run's captions, with weights fitted once on the validation split."""

from typing import Any

import numpy as np

from semreg_tf.config_io import to_dict
from semreg_tf.data.dataset_digests import content_key
from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation import consensus, linear_reranking, scoring
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.caption_statistics import bleu_from_statistics

WEIGHTS_FILE = "reranking.json"


def reranked(run: EvaluatedRun, split: Split) -> tuple[Predictions, Predictions, dict[str, Any]]:
    """Returns the hypotheses in the order of the search, reranked, and the fitted weights.

    Raises:
      ValueError: the split is the validation split, or the validation split has no captions.
    """
    config = run.config
    if split.name == config.data.validation_split:
        raise ValueError(
            "`split` must not be the validation split where captions are reranked by weights that "
            f"are fitted on it. Received: split={split.name!r}"
        )
    return _reranked(run, split, fitted_weights(run))


def _reranked(
    run: EvaluatedRun, split: Split, fitted: dict[str, Any]
) -> tuple[Predictions, Predictions, dict[str, Any]]:
    weights = np.array([fitted["weights"][name] for name in linear_reranking.QUANTITIES])
    searched = consensus.hypotheses_of(run, split, run.config.reranking.hypotheses)
    orders = [linear_reranking.order(x, weights) for x in _quantities(run, searched)]
    return searched, consensus.reordered(searched, orders), fitted


def fitted_weights(run: EvaluatedRun) -> dict[str, Any]:
    """Returns the run's weights from `reranking.json`, or fits and writes them.

    Returns:
      The contents of `reranking.json`: `weights` by quantity, the `metric` that they are fitted to,
      its `value` and its `value_before` in the order of the search, the `split`, and the settings
      `made_with`, for which the weights are valid.
    """
    path = run.path / WEIGHTS_FILE
    settings = _settings(run)
    if path.exists():
        written = read_json_object(path, "workdir", fields=("weights", "made_with"))
        if written["made_with"] == settings:
            return written
    fitted = _fit(run) | {"made_with": settings}
    write_json(path, fitted)
    return fitted


def _settings(run: EvaluatedRun) -> dict[str, Any]:
    """Returns the settings that the weights depend on."""
    reranking, decoding = run.config.reranking, run.config.decoding
    return {
        "checkpoints": run.checkpoints,
        "runs": [path.name for path in run.paths],
        "fitted_to": reranking.fitted_to,
        "hypotheses": reranking.hypotheses,
        "detected_from": reranking.detected_from,
        "beam_width": max(reranking.hypotheses, decoding.beam_width),
        "decoding": to_dict(run.config)["decoding"],
        "test_views": [member.config.image.test_views for member in run.ensemble.members],
        "true_concepts": run.true_concepts,
        "split": run.config.data.validation_split,
        **content_key(run.builder.data_dir),
    }


def _fit(run: EvaluatedRun) -> dict[str, Any]:
    split = run.split(run.config.data.validation_split)
    hypotheses = consensus.hypotheses_of(run, split, run.config.reranking.hypotheses)
    statistics = _statistics(hypotheses, split)
    metric = _METRICS[run.config.reranking.fitted_to]
    fitted = linear_reranking.fit(_quantities(run, hypotheses), statistics, metric)
    weights = dict(zip(linear_reranking.QUANTITIES, fitted.weights.tolist(), strict=True))
    return {
        "split": split.name,
        "metric": run.config.reranking.fitted_to,
        "value": fitted.value,
        "value_before": float(metric(np.sum([x[0] for x in statistics], axis=0))),
        "weights": weights,
    }


def _quantities(run: EvaluatedRun, predictions: Predictions) -> list[np.ndarray]:
    normalisation = run.config.decoding.length_normalisation
    rows = []
    for sequences, scores, probabilities in zip(
        predictions.sequences, predictions.scores, predictions.concept_probabilities, strict=True
    ):
        lengths = [(len(words) + 1) ** normalisation for words in sequences]
        rows.append(
            linear_reranking.quantities(
                sequences,
                [score * length for score, length in zip(scores, lengths, strict=True)],
                run.vocabularies.concept_ids,
                probabilities,
                run.config.reranking.detected_from,
            )
        )
    return rows


def _statistics(predictions: Predictions, split: Split) -> list[np.ndarray]:
    """Returns for each image (hypotheses, 12): BLEU's statistics, CIDEr, and 1 as a count."""
    lengths = [len(hypotheses) for hypotheses in predictions.sequences]
    columns = []
    for rank in range(max(lengths)):
        # An image with fewer hypotheses is scored by its last one, which is dropped below.
        orders = [[min(rank, length - 1)] for length in lengths]
        hypotheses = consensus.reordered(predictions, orders)
        scored = scoring.caption_scores(hypotheses, split, meteor=False)
        cider = [scored.per_image["CIDEr"][i] for i in predictions.image_ids]
        columns.append(np.column_stack([scored.bleu_statistics, cider, np.ones(len(cider))]))
    return [
        np.array([column[i] for column in columns[:length]]) for i, length in enumerate(lengths)
    ]


# Functions of the sums of `_statistics` over images.
_METRICS = {
    "BLEU-4": lambda sums: bleu_from_statistics(sums[..., :10])[..., 3],
    "CIDEr": lambda sums: sums[..., 10] / sums[..., 11],
}
