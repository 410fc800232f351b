"""TensorBoard summaries of a validation: predictions, images, gates, word embedding."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import evaluation_batches
from semreg_tf.evaluation.evaluator import Evaluation
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.captioned_pictures import captioned_pictures
from semreg_tf.training.embedding_projector import write_projector
from semreg_tf.training.gate_saturation import gate_values, saturation
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.phase import Phase
from semreg_tf.training.stage_data import StageData

NUM_PICTURES = 8
NUM_CONCEPTS = 5
# Number of images whose gate values are computed.
GATE_IMAGES = 32


class ValidationSummaries:
    """Writes the summaries of validations."""

    def __init__(self, annotator: Annotator, data: StageData, folder: Path) -> None:
        self._annotator, self._data, self._folder = annotator, data, folder

    def write(self, phase: Phase, step: int, evaluation: Evaluation, monitor: Monitor) -> None:
        """Writes the summaries of one validation."""
        split = self._data.validation
        rows = list(itertools.islice(evaluation.rows(), NUM_PICTURES))
        texts = [_text(row) for row in rows]
        lines = [f"{row['image_id']}: {text}" for row, text in zip(rows, texts, strict=True)]
        with monitor.summaries():
            tf.summary.text("predictions/text", tf.constant("\n\n".join(lines)), step=step)
            # A phase without images must not require image files.
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

    def _gates(self, phase: Phase) -> dict[str, np.ndarray]:
        inputs = self._data.inputs(self._annotator, self._data.validation, phase.keys)
        tensors = next(iter(evaluation_batches(inputs, GATE_IMAGES)))
        tensors.pop(batch.IMAGE_ID)
        return gate_values(self._annotator, tensors)


def _text(row: dict[str, Any]) -> str:
    """Returns the best sequence of an image, or its most probable concepts."""
    if row["n_best"]:
        return row["n_best"][0][0]
    return ", ".join(f"{name} {value:.2f}" for name, value in row["concepts"][:NUM_CONCEPTS])
