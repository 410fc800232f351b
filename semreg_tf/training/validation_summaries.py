"""What TensorBoard shows of a validation: predictions and pictures, gates, word embedding."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import evaluation_batches
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.models.annotator import Annotator
from semreg_tf.text.function_words import content_first, words_shown_last
from semreg_tf.training.captioned_pictures import captioned_pictures
from semreg_tf.training.embedding_projector import write_projector
from semreg_tf.training.gate_saturation import gate_values, saturation
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.phase import Phase
from semreg_tf.training.stage_data import StageData

NUM_PICTURES = 8
NUM_CONCEPTS = 5
# Images whose gates are looked at.
GATE_IMAGES = 32


class ValidationSummaries:
    """Writes one validation's summaries.

    Args:
      annotator: the models.
      data: the splits.
      folder: TensorBoard's log folder of the run.
    """

    def __init__(self, annotator: Annotator, data: StageData, folder: Path) -> None:
        self._annotator, self._data, self._folder = annotator, data, folder

    def write(self, phase: Phase, step: int, made: Predictions, monitor: Monitor) -> None:
        """Writes the summaries.

        Args:
          phase: what is being trained.
          step: updates done.
          made: predictions of the validation split, in its order.
          monitor: whose log is written.
        """
        split = self._data.validation
        texts = self._texts(made)
        lines = [f"{i}: {text}" for i, text in zip(made.image_ids, texts, strict=False)]
        with monitor.summaries():
            tf.summary.text("predictions/text", tf.constant("\n\n".join(lines)), step=step)
            # A phase that sees none needs no picture on its machine.
            if phase.sees_images:
                pictures = captioned_pictures(split, texts)
                tf.summary.image("predictions", pictures, step=step, max_outputs=NUM_PICTURES)
            if not phase.reads_captions:
                return
            gates = self._gates(phase)
            for name, values in gates.items():
                tf.summary.histogram(f"gates/{name}", values, step=step)
        monitor.scalars(step, saturation(gates))
        embedding = np.asarray(self._annotator.decoder.embedding)
        write_projector(self._folder, embedding, split.vocabularies.output)

    def _texts(self, made: Predictions) -> list[str]:
        """Returns the sequences of the first images, or their likeliest concepts."""
        if made.sequences:
            return [" ".join(ranked[0]) for ranked in made.sequences[:NUM_PICTURES]]
        names = self._data.validation.vocabularies.concepts.names
        rows = made.concept_probabilities[:NUM_PICTURES]
        data = self._annotator.config.data
        shown_last = words_shown_last(data.task, data.labels_from, data.function_words)
        return [
            ", ".join(
                f"{names[i]} {row[i]:.2f}"
                for i in content_first(names, row, shown_last)[:NUM_CONCEPTS]
            )
            for row in rows
        ]

    def _gates(self, phase: Phase) -> dict[str, np.ndarray]:
        inputs = self._data.inputs(self._annotator, self._data.validation, phase.keys)
        tensors = next(iter(evaluation_batches(inputs, GATE_IMAGES)))
        tensors.pop(batch.IMAGE_ID)
        return gate_values(self._annotator, tensors)
