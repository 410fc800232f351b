"""Linear reranking of a run's captions: its weights are fitted once, on the validation split."""

from typing import Any

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation import consensus, linear_reranking, scoring
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.caption_statistics import bleu_from_statistics
from semreg_tf.training import checkpoints

WEIGHTS_FILE = "reranking.json"


def reranked(run: EvaluatedRun, split: Split) -> tuple[Predictions, Predictions, dict[str, Any]]:
    """Returns the hypotheses in the search's order, in that of the weights, and the weights.

    Raises:
      ValueError: the split is the one that the weights are fitted on, or has no captions there.
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
    orders = [linear_reranking.order(own, weights) for own in _quantities(run, searched)]
    return searched, consensus.reordered(searched, orders), fitted


def fitted_weights(run: EvaluatedRun) -> dict[str, Any]:
    """Returns the run's weights; fits them where there are none, and keeps them beside the run.

    Returns:
      What `reranking.json` holds: `weights` by quantity, the `metric` that they are fitted to, its
      `value` and that of the search's own order, the `split`, and what they were fitted with.
    """
    path = run.path / WEIGHTS_FILE
    made_with = _made_with(run)
    if path.exists():
        found = read_json_object(path, "workdir", fields=("weights", "made_with"))
        if found["made_with"] == made_with:
            return found
    fitted = _fit(run) | {"made_with": made_with}
    write_json(path, fitted)
    return fitted


def _made_with(run: EvaluatedRun) -> dict[str, Any]:
    """Returns what weights depend on; other weights are fitted where any of it differs."""
    reranking, decoding = run.config.reranking, run.config.decoding
    return {
        "checkpoints": [str(checkpoints.best_or_last(path).name) for path in run.paths],
        "runs": [path.name for path in run.paths],
        "fitted_to": reranking.fitted_to,
        "hypotheses": reranking.hypotheses,
        "detected_from": reranking.detected_from,
        "beam_width": max(reranking.hypotheses, decoding.beam_width),
        "max_steps": decoding.max_steps,
        "length_normalisation": decoding.length_normalisation,
        "split": run.config.data.validation_split,
    }


def _fit(run: EvaluatedRun) -> dict[str, Any]:
    split = run.split(run.config.data.validation_split)
    found = consensus.hypotheses_of(run, split, run.config.reranking.hypotheses)
    statistics = _statistics(found, split)
    metric = _METRICS[run.config.reranking.fitted_to]
    fitted = linear_reranking.fit(_quantities(run, found), statistics, metric)
    weights = dict(zip(linear_reranking.QUANTITIES, fitted.weights.tolist(), strict=True))
    return {
        "split": split.name,
        "metric": run.config.reranking.fitted_to,
        "value": fitted.value,
        "value_before": float(metric(np.sum([own[0] for own in statistics], axis=0))),
        "weights": weights,
    }


def _quantities(run: EvaluatedRun, found: Predictions) -> list[np.ndarray]:
    normalisation = run.config.decoding.length_normalisation
    rows = []
    for sequences, scores, probabilities in zip(
        found.sequences, found.scores, found.concept_probabilities, strict=True
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


def _statistics(found: Predictions, split: Split) -> list[np.ndarray]:
    """Returns of each image, (hypotheses, 12), BLEU's statistics, CIDEr and a 1 that counts."""
    most = max(len(own) for own in found.sequences)
    columns = []
    for place in range(most):
        # Where an image has fewer hypotheses, its last is scored again and left out below.
        orders = [[min(place, len(own) - 1)] for own in found.sequences]
        scored = scoring.caption_scores(consensus.reordered(found, orders), split, meteor=False)
        cider = [scored.per_image["CIDEr"][i] for i in found.image_ids]
        columns.append(np.column_stack([scored.bleu_statistics, cider, np.ones(len(cider))]))
    return [
        np.array([column[i] for column in columns[: len(own)]])
        for i, own in enumerate(found.sequences)
    ]


# Of sums of `_statistics` over images.
_METRICS = {
    "BLEU-4": lambda sums: bleu_from_statistics(sums[..., :10])[..., 3],
    "CIDEr": lambda sums: sums[..., 10] / sums[..., 11],
}
