"""Scores simple baselines on the features of a run's frozen CNN, on the run's splits.

Tags: a logistic regression for each label (scikit-learn), with regularisation and threshold chosen
on the validation split. Captions: the first caption of the training picture with the nearest
features.

python -m eval.simple_baselines --workdir=runs/holiday/tags/unary --data_dir=runs/holiday/data \
  --out=baseline.json
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from cli import program, shared_flags
from semreg_tf.console import plain_errors

_WORKDIR = flags.DEFINE_string("workdir", None, "Work directory of the run.", required=True)
_DATA_DIR = shared_flags.define_data_dir()
_SPLIT = shared_flags.define_split()
_OUT = flags.DEFINE_string("out", None, "JSON file for the scores; they are also printed.")

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)


def main(_: list[str]) -> None:
    """Scores the baseline of the run's task."""
    with plain_errors():
        from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun

        run = EvaluatedRun(_WORKDIR.value, _DATA_DIR.value)
        names = run.config.data
        split_names = {
            "train": names.train_split,
            "validation": names.validation_split,
            "test": _SPLIT.value or names.test_split,
        }
        splits = {kind: run.split(name) for kind, name in split_names.items()}
        features = {kind: _features(run, split) for kind, split in splits.items()}
        if names.task == "tags":
            results = logistic_regression(splits, features)
        else:
            results = nearest_captions(splits, features)
    text = json.dumps({"split": split_names["test"], **results}, indent=2)
    print(text)
    if _OUT.value is not None:
        Path(_OUT.value).write_text(text + "\n", encoding="utf-8")


def _features(run: Any, split: Any) -> Any:
    """Returns the encoder's features of a split, (images, d)."""
    from semreg_tf.evaluation.consensus import encoded_features

    folder = Path(str(run.builder.data_dir)) / "features"
    values = encoded_features(run, split, folder)
    return values.reshape(len(values), -1)


def logistic_regression(splits: Any, features: Any) -> dict[str, Any]:
    """Fits a classifier for each label on standardised features.

    Args:
      splits: the splits by "train", "validation" and "test".
      features: features of each split, (images, d).

    Returns:
      Scores on the test split by label set, for every regularisation and for the one with the
      best O-F1 on the validation split.
    """
    import numpy as np
    from tqdm import tqdm

    from semreg_tf.evaluation.scoring import cnn_cuts, tag_scores, threshold_of, truth_and

    mean, deviation = features["train"].mean(0), features["train"].std(0) + 1e-6
    scaled = {kind: (x - mean) / deviation for kind, x in features.items()}
    by_strength = {}
    targets, examples = truth_and(splits["train"], scaled["train"])
    bar = tqdm(total=len(STRENGTHS) * targets.shape[1], desc="classifiers")
    for strength in STRENGTHS:
        fitted = _fit(scaled | {"train": examples}, targets, strength, bar)
        grid = np.arange(1, 1000) / 1000
        threshold, value = threshold_of(splits["validation"], fitted["validation"], grid)
        cuts = cnn_cuts(fitted["test"], (3, 5), threshold)
        by_strength[strength] = {
            "validation O-F1": value,
            "threshold": threshold,
            "systems": {
                name: _figures(tag_scores(splits["test"], labels, fitted["test"]))
                for name, labels in cuts.items()
            },
        }
    bar.close()
    best = max(by_strength, key=lambda strength: by_strength[strength]["validation O-F1"])
    return {"strength": best, **by_strength[best], "by_strength": by_strength}


def _fit(scaled: Any, targets: Any, strength: float, bar: Any) -> dict[str, Any]:
    """Returns the probabilities of validation and test, (images, labels) each."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    kinds = ("validation", "test")
    probabilities = {
        kind: np.zeros((len(scaled[kind]), targets.shape[1]), np.float32) for kind in kinds
    }
    for label, column in enumerate(targets.T):
        bar.update()
        if column.min() == column.max():
            for kind in kinds:
                probabilities[kind][:, label] = column[0]
            continue
        model = LogisticRegression(C=strength, max_iter=300).fit(scaled["train"], column)
        for kind in kinds:
            probabilities[kind][:, label] = model.predict_proba(scaled[kind])[:, 1]
    return probabilities


def _figures(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}


def nearest_captions(splits: Any, features: Any) -> dict[str, Any]:
    """Scores the first caption of each picture's nearest training picture."""
    from semreg_tf.evaluation.predictions import Predictions
    from semreg_tf.evaluation.reranking import nearest_images
    from semreg_tf.evaluation.scoring import caption_scores

    train, test = splits["train"], splits["test"]
    rows = train.annotated_rows
    nearest = nearest_images(features["test"], features["train"][rows], 1)[:, 0]
    sequences = [[train.annotations[rows[i]].tokens[0]] for i in nearest]
    ids = [annotation.image_id for annotation in test.annotations]
    predictions = Predictions(ids, sequences, [[0.0]] * len(ids), None)
    return {"captions": caption_scores(predictions, test, meteor=False).scores}


if __name__ == "__main__":
    program.run(main)
