"""A model, or an ensemble, and the data set that evaluators score it on."""

import abc
import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from semreg_tf.config import Config
from semreg_tf.data.input_pipeline import Inputs, Split, load_split
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.predictions import (
    Predictions,
    decoder_label_scores,
    part_probabilities,
    predict,
)
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.models.side_information import Part


class EvaluatedModel(abc.ABC):
    """One model, or several whose probabilities are averaged at each step, and a data set.

    A subclass defines `inputs`, the tensors that the models read of a split.

    Attributes:
      has_sequences: whether the decoder is trained, so that its sequences are predictions.
      shows_progress: whether reading a split draws a progress bar.
    """

    has_sequences = True
    shows_progress = True

    def __init__(
        self,
        config: Config,
        vocabularies: Vocabularies,
        ensemble: Ensemble,
        builder: tfds.core.DatasetBuilder,
    ) -> None:
        self.config, self.vocabularies = config, vocabularies
        self.ensemble, self.builder = ensemble, builder
        self._probabilities_by_split: dict[str, np.ndarray] = {}

    @abc.abstractmethod
    def inputs(self, split: Split, *more: str) -> list[Inputs]:
        """Returns each model's inputs of a split; the first model's include the keys `more`."""

    def split(self, name: str) -> Split:
        """Loads a split."""
        return load_split(self.builder, name, self.vocabularies, self.config.data)

    def batches(self, split: Split, task: str, *more: str) -> SplitBatches:
        """Returns a split's batches; `task` names the progress bar."""
        bar = f"{task} {split.name}" if self.shows_progress else None
        return SplitBatches(self.inputs(split, *more), progress=bar)

    def predict(
        self, split: Split, num_results: int = 1, beam_width: int | None = None
    ) -> Predictions:
        """Annotates a split; without sequences if `has_sequences` is False.

        With `beam_width`, a beam search of that width replaces the config's decoding.
        """
        decoding = self.config.decoding if self.has_sequences else None
        if beam_width is not None and decoding is not None:
            decoding = dataclasses.replace(decoding, method="beam", beam_width=beam_width)
        predictions = predict(
            self.ensemble,
            self.batches(split, "annotating"),
            self.vocabularies,
            decoding,
            num_results,
        )
        self._probabilities_by_split[split.name] = predictions.concept_probabilities
        return predictions

    def concept_probabilities(self, split: Split, part: Part = "all") -> np.ndarray:
        """Returns the concept probabilities of a split, (images, num_concepts) float32.

        The model does not run again on a split that it has annotated.
        """
        if part != "all":
            return part_probabilities(self.ensemble, self.batches(split, "scoring"), part)
        if split.name not in self._probabilities_by_split:
            batches = self.batches(split, "scoring")
            predictions = predict(self.ensemble, batches, self.vocabularies, None)
            self._probabilities_by_split[split.name] = predictions.concept_probabilities
        return self._probabilities_by_split[split.name]

    def label_scores(self, split: Split) -> np.ndarray:
        """Returns the decoder's probability of each label, (images, num_concepts) float32."""
        batches, decoding = self.batches(split, "labels of"), self.config.decoding
        return decoder_label_scores(self.ensemble, batches, self.vocabularies, decoding)
