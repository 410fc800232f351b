"""The training batches of a finished run once more, to measure its gradients."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import training_batches
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.data.records import find_builder
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import workdir
from semreg_tf.training.phase import Phase
from semreg_tf.training.phases import Stage
from semreg_tf.training.stage_data import StageData

# The tensors of a batch, and the seed of its step, (2,) int32.
SeededBatch = tuple[dict[str, tf.Tensor], tf.Tensor]


def replay(
    path: str | Path, data_dir: str | Path, stage: Stage, phase: Phase, num_batches: int
) -> tuple[Annotator, Iterator[SeededBatch]]:
    """Returns the model of a run's best checkpoint, and the first training batches of a phase.

    Raises:
      ValueError: the run or the data is missing or damaged; for a damaged record, when the batches
        are read.
    """
    config, vocabularies, annotator = workdir.load_annotator(path)
    data = StageData(config, stage, find_builder(data_dir, config.data.dataset), vocabularies)

    def batches() -> Iterator[SeededBatch]:
        with plain_record_errors():
            inputs = data.training_inputs(annotator, phase)
            dataset = training_batches(inputs, stage.section.batch_size, config.seed)
            progress = tqdm(dataset.take(num_batches), "gradients", num_batches, unit="batch")
            for step, tensors in enumerate(progress):
                tensors.pop(batch.IMAGE_ID)
                yield tensors, tf.constant([config.seed, step], tf.int32)

    return annotator, batches()
