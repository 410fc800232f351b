"""Scores of label lists by the paper's metrics (Sec. 4.2), beside label sets of the CNN alone."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from semreg_tf.data.input_pipeline import Split
from semreg_tf.decoding.combined_labels import combined_scores
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.concept_evaluator import ConceptEvaluator
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation, as_lists
from semreg_tf.evaluation.prediction_rows import by_score, prediction_rows
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.metrics.multilabel import per_image_scores

OURS = "ours"
_UNSUPERVISED = (
    "The concepts of this model were not supervised (concepts.supervised is false), so there are "
    "no labels of the CNN alone and no mAP"
)
_COMBINED = (
    f"The labels of {OURS} are those of CNN and decoder combined (decoding.method is combined), "
    "which the paper's model does not list"
)
_THRESHOLD_ON_EVALUATED_SPLIT = (
    "The thresholds were chosen on the evaluated split: their scores are an upper bound of what a "
    "threshold reaches"
)


@dataclass(frozen=True)
class TagEvaluator:
    """Scores the labels of each image's best sequence, as a set.

    Attributes:
      compares: whether other label sets are scored too: the CNN's top labels and cuts, lists of
        fixed lengths, and decoder and CNN combined, as in the config's decoding.
      cnn: a model whose concept probabilities are cut; None: the evaluated model.
    """

    compares: bool = True
    cnn: EvaluatedModel | None = None

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Searches labels and scores them; see `Evaluator.run`."""
        return self.judge(model, split, model.predict(split))

    def judge(self, model: EvaluatedModel, split: Split, predictions: Predictions) -> Evaluation:
        """Scores labels that a search has already returned."""
        scoring.check_annotated(split, "tags")
        systems = _Systems(model, self.cnn or model, split, predictions)
        if predictions.sequences:
            labels = scoring.sequence_labels(predictions, split)
            systems.add({OURS: labels}, systems.ranking)
        if self.compares:
            systems.compare()
        return systems.evaluation()


class _Systems:
    """The label sets of a split to score, by the name of the system."""

    def __init__(
        self, model: EvaluatedModel, cnn: EvaluatedModel, split: Split, predictions: Predictions
    ) -> None:
        self._model, self._cnn, self._split = model, cnn, split
        self._predictions = predictions
        self.labels: dict[str, np.ndarray] = {}
        self._ranking: dict[str, np.ndarray | None] = {}
        self._cuts: dict[str, np.ndarray] = {}
        self._both_by_split: dict[str, np.ndarray] = {}
        self._cnn_probabilities = predictions.concept_probabilities
        combines = model.config.decoding.method == "combined"
        self._warnings: list[str] = [_COMBINED] if combines else []
        self._combine_threshold: float | None = None

    @property
    def supervised_probabilities(self) -> np.ndarray | None:
        """The model's concept probabilities; None if they were not supervised."""
        supervised = self._model.config.concepts.supervised
        return self._predictions.concept_probabilities if supervised else None

    @functools.cached_property
    def ranking(self) -> np.ndarray | None:
        """The scores that rank the model's labels for mAP; None if concepts were not supervised.

        They are the concept probabilities, and for method "combined" those of both parts.
        """
        probabilities = self.supervised_probabilities
        if probabilities is None or self._model.config.decoding.method != "combined":
            return probabilities
        return self._both(self._split, probabilities)

    def add(self, labels: Mapping[str, np.ndarray], ranking: np.ndarray | None) -> None:
        """Adds label sets by name; `ranking` holds the scores for their mAP, or None."""
        self.labels |= labels
        self._ranking |= dict.fromkeys(labels, ranking)

    def compare(self) -> None:
        """Adds the CNN's cuts, the decoder's lists of fixed lengths, and both combined."""
        cnn, decoding = self._cnn, self._model.config.decoding
        if cnn is not self._model:
            self._cnn_probabilities = cnn.concept_probabilities(cnn.split(self._split.name))
        if cnn.config.concepts.supervised:
            self._cuts = self._cut()
            self.add(self._cuts, self._cnn_probabilities)
        else:
            self._warnings.append(_UNSUPERVISED)
        if OURS not in self.labels:
            return
        labels, ranking = self.labels[OURS], self.ranking
        filling = ranking
        if filling is None and self._lengths:
            # Without supervised concepts the decoder itself ranks the labels (ours).
            filling = self._model.label_scores(self._split)
        fixed = {
            f"{OURS}, exactly {k}": scoring.fixed_length_labels(labels, filling, k)
            for k in self._lengths
        }
        self.add(fixed, ranking)
        if decoding.combine and self.supervised_probabilities is not None:
            self.add(*self._combined(self.supervised_probabilities))

    @property
    def _lengths(self) -> tuple[int, ...]:
        """`decoding.fixed_lengths`, at most all labels, each once."""
        num_labels = len(self._split.vocabularies.concepts)
        lengths = self._model.config.decoding.fixed_lengths
        return tuple(dict.fromkeys(min(k, num_labels) for k in lengths))

    def evaluation(self) -> Evaluation:
        """Scores all label sets."""
        split, labels = self._split, self.labels
        num_unknown = len(split.annotations) - len(split.encoded.annotated_rows)
        if num_unknown:
            self._warnings.append(
                f"{num_unknown} images have no labels and are left out of every score"
            )
        return Evaluation(
            {n: scoring.tag_scores(split, x, self._ranking[n]) for n, x in labels.items()},
            self._rows,
            lambda: {n: as_lists(scoring.label_intervals(split, x)) for n, x in labels.items()},
            self._warnings,
            self._combine_threshold,
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yields rows with the CNN's labels, most probable first, and the first system's scores.

        Recall and F1 of an image without labels are None, and all three where they are not known.
        """
        names = self._split.vocabularies.concepts.names
        labels = next(iter(self.labels.values()))
        main = per_image_scores(scoring.concept_targets(self._split), labels)
        known = np.isin(np.arange(len(labels)), self._split.encoded.annotated_rows)
        precision = np.where(known, main.precision, np.nan)
        figures = {"precision": precision, "recall": main.recall, "F1": main.f1}
        rows = prediction_rows(self._model, self._split, self._predictions)
        for i, row in enumerate(rows):
            ranked = by_score(self._cnn_probabilities[i])
            cnn = {cut: [names[j] for j in ranked if x[i, j]] for cut, x in self._cuts.items()}
            scores = {n: None if np.isnan(x[i]) else float(x[i]) for n, x in figures.items()}
            yield {**row, "cnn": cnn, "scores": scores}

    def _cut(self) -> dict[str, np.ndarray]:
        """Returns the CNN's label sets by name, with the threshold of the validation split."""
        data, decoding = self._model.config.data, self._model.config.decoding
        validation = self._cnn.split(data.validation_split)
        if validation.name == self._split.name:
            self._warnings.append(_THRESHOLD_ON_EVALUATED_SPLIT)
        threshold = ConceptEvaluator("O-F1").run(self._cnn, validation).main["threshold"]
        ks = sorted({decoding.top_k, *decoding.fixed_lengths})
        chosen_on = self._chosen_on(validation)
        return scoring.cnn_cuts(self._cnn_probabilities, ks, threshold, chosen_on)

    def _chosen_on(self, validation: Split) -> str:
        """Returns what a label set's name calls the split that its threshold was chosen on."""
        own = validation.name == self._split.name
        return "validation, this very split" if own else "validation"

    def _combined(self, probabilities: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Returns the label sets of CNN and decoder combined, and the scores they are cut from.

        A label's score is the weighted geometric mean of its concept probability and of its
        probability to be in the decoder's list (ours).
        """
        model, limit = self._model, self._model.config.decoding.max_steps
        scores = self._both(self._split, probabilities)
        validation = model.split(model.config.data.validation_split)
        validation_scores = self._both(validation, model.concept_probabilities(validation))
        threshold, _ = scoring.threshold_of(validation, validation_scores)
        self._combine_threshold = float(threshold)
        name, cut = f"{OURS} with the CNN", (scores >= threshold).astype(np.uint8)
        # As an export lists them.
        cut &= scoring.top_k_labels(scores, min(limit, scores.shape[1]))
        return {
            f"{name}, cut at {threshold:.2f} (best on {self._chosen_on(validation)})": cut,
            **{f"{name}, top {k}": scoring.top_k_labels(scores, k) for k in self._lengths},
        }, scores

    def _both(self, split: Split, concept_probabilities: np.ndarray) -> np.ndarray:
        """Returns the scores of CNN and decoder combined, (images, num_concepts).

        The decoder does not search a split twice.
        """
        if split.name not in self._both_by_split:
            weight = self._model.config.decoding.combine_weight
            lists = self._model.label_scores(split)
            self._both_by_split[split.name] = combined_scores(concept_probabilities, lists, weight)
        return self._both_by_split[split.name]
