"""Label lists judged by the paper's metrics (Sec. 4.2), the plain CNN's cuts beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation, as_lists
from semreg_tf.evaluation.prediction_rows import by_score, prediction_rows
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.metrics.bootstrap import multilabel_intervals
from semreg_tf.metrics.multilabel import best_threshold, per_image_scores

OURS = "ours"
_UNSUPERVISED = (
    "Nothing taught this model concepts (concepts.supervised is false), so there are no labels of "
    "the CNN alone and no mAP"
)
_ON_ITSELF = (
    "The threshold was chosen on the evaluated split itself, as this data set has no other: the "
    "scores there are an upper bound of what a threshold gives"
)


@dataclass(frozen=True)
class TagEvaluator:
    """Judges the labels of the best sequence of each image, as a set.

    Attributes:
      compares: whether other label sets are scored beside the decoder's own: the CNN's top labels
        and cuts, lists of fixed lengths, decoder and CNN together, as the config's decoding says.
      cnn: the CNN alone, which the cuts are of; None: the model's own concepts.
    """

    compares: bool = True
    cnn: EvaluatedModel | None = None

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Searches labels and scores them; see `Evaluator.run`."""
        return self.judge(model, split, model.predict(split))

    def judge(self, model: EvaluatedModel, split: Split, predictions: Predictions) -> Evaluation:
        """Scores labels that were searched before."""
        scoring.check_annotated(split, "tags")
        systems = _Systems(model, self.cnn or model, split, predictions)
        if predictions.sequences:
            labels = scoring.sequence_labels(predictions, split)
            systems.add({OURS: labels}, systems.taught_probabilities)
        if self.compares:
            systems.compare()
        return systems.evaluation()


class _Systems:
    """The label sets of a split that are scored beside each other."""

    def __init__(
        self, model: EvaluatedModel, cnn: EvaluatedModel, split: Split, predictions: Predictions
    ) -> None:
        self._model, self._cnn, self._split = model, cnn, split
        self._predictions = predictions
        self.labels: dict[str, np.ndarray] = {}
        self._ranking: dict[str, np.ndarray | None] = {}
        self._cuts: dict[str, np.ndarray] = {}
        self._cnn_probabilities = predictions.concept_probabilities
        self._warnings: list[str] = []

    @property
    def taught_probabilities(self) -> np.ndarray | None:
        """The model's own concept probabilities, where they were supervised."""
        taught = self._model.config.concepts.supervised
        return self._predictions.concept_probabilities if taught else None

    def add(self, labels: Mapping[str, np.ndarray], ranking: np.ndarray | None) -> None:
        """Adds label sets by name; `ranking` gives their mAP, if any."""
        self.labels |= labels
        self._ranking |= dict.fromkeys(labels, ranking)

    def compare(self) -> None:
        """Adds the CNN's cuts, and of a decoder its fixed lengths and what it says with the CNN."""
        cnn, decoding = self._cnn, self._model.config.decoding
        if cnn is not self._model:
            self._cnn_probabilities = cnn.concept_probabilities(cnn.split(self._split.name))
        if cnn.config.concepts.supervised:
            self._cuts = self._cut()
            self.add(self._cuts, self._cnn_probabilities)
        else:
            self._warnings.append(_UNSUPERVISED)
        own = self.taught_probabilities
        if OURS not in self.labels or own is None:
            return
        fixed = {
            f"{OURS}, exactly {k}": scoring.fixed_length_labels(self.labels[OURS], own, k)
            for k in decoding.fixed_lengths
        }
        self.add(fixed, own)
        if decoding.combine:
            self.add(*self._combined(own))

    def evaluation(self) -> Evaluation:
        """Scores all that was added."""
        split, targets = self._split, scoring.concept_targets(self._split)
        return Evaluation(
            {n: scoring.tag_scores(split, x, self._ranking[n]) for n, x in self.labels.items()},
            lambda: self._rows(targets),
            lambda: {n: as_lists(multilabel_intervals(targets, x)) for n, x in self.labels.items()},
            self._warnings,
        )

    def _rows(self, targets: np.ndarray) -> Iterator[dict[str, Any]]:
        """Yields rows with the CNN's labels, by falling probability, and the first system's scores.

        An image without labels has no recall and no F1.
        """
        names = self._split.vocabularies.concepts.names
        main = per_image_scores(targets, next(iter(self.labels.values())))
        figures = {"precision": main.precision, "recall": main.recall, "F1": main.f1}
        rows = prediction_rows(self._model, self._split, self._predictions)
        for i, row in enumerate(rows):
            ranked = by_score(self._cnn_probabilities[i])
            cnn = {cut: [names[j] for j in ranked if own[i, j]] for cut, own in self._cuts.items()}
            scores = {n: None if np.isnan(x[i]) else float(x[i]) for n, x in figures.items()}
            yield {**row, "cnn": cnn, "scores": scores}

    def _cut(self) -> dict[str, np.ndarray]:
        """Returns the CNN's label sets by name, the threshold chosen on the validation split."""
        data, decoding = self._model.config.data, self._model.config.decoding
        validation, told = self._cnn.split(data.validation_split), "validation"
        evaluator = ConceptEvaluator("O-F1")
        if validation.name == self._split.name:
            told = "validation, this very split"
            self._warnings.append(_ON_ITSELF)
        threshold = evaluator.run(self._cnn, validation).main["threshold"]
        ks = sorted({decoding.top_k, *decoding.fixed_lengths})
        return scoring.cnn_cuts(self._cnn_probabilities, ks, threshold, told)

    def _combined(self, probabilities: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Returns the label sets of CNN and decoder together, and the scores they are cut from.

        A label's score is the geometric mean of its concept's probability and the decoder's, that
        is, the mean of the logarithms (ours).
        """
        model = self._model

        def scores(split: Split, own: np.ndarray) -> np.ndarray:
            return np.sqrt(own * model.label_scores(split))

        both = scores(self._split, probabilities)
        validation = model.split(model.config.data.validation_split)
        own = model.concept_probabilities(validation)
        threshold, _ = best_threshold(scoring.concept_targets(validation), scores(validation, own))
        name = f"{OURS} with the CNN"
        return {
            f"{name}, cut at {threshold:.2f} (best on validation)": (both >= threshold).astype(
                np.uint8
            ),
            **{
                f"{name}, top {k}": scoring.top_k_labels(both, k)
                for k in model.config.decoding.fixed_lengths
            },
        }, both
