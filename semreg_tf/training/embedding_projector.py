"""The word embedding in TensorBoard's projector, each row under its word."""

from pathlib import Path

import numpy as np
from tensorboard.plugins import projector

from semreg_tf.data.atomic_write import write_lines
from semreg_tf.data.vocabulary import UNKNOWN, Vocabulary

TENSOR_FILE, METADATA_FILE = "word_embedding.tsv", "metadata.tsv"
# The projector draws no more than that well; vocabularies begin with the frequent words.
MAX_WORDS = 5_000


def write_projector(folder: Path, embedding: np.ndarray, vocabulary: Vocabulary) -> None:
    """Writes the embedding, its words and `projector_config.pbtxt`.

    Args:
      folder: TensorBoard's log folder of the run.
      embedding: (vocabulary.input_size, width).
      vocabulary: the names of the rows.

    Raises:
      OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unknown = () if vocabulary.unknown_id is None else (UNKNOWN,)
    names = (*vocabulary.names, *unknown, "<end>", "<start>")
    shown = np.asarray(embedding[:MAX_WORDS], np.float32)
    write_lines(folder / TENSOR_FILE, ("\t".join(f"{x:.4g}" for x in row) for row in shown))
    write_lines(folder / METADATA_FILE, names[: len(shown)])
    config = projector.ProjectorConfig()
    one = config.embeddings.add()
    one.tensor_name = "word_embedding"
    one.tensor_path, one.metadata_path = TENSOR_FILE, METADATA_FILE
    one.tensor_shape.extend(shown.shape)
    projector.visualize_embeddings(str(folder), config)
