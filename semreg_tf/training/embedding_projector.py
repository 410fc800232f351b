"""The word embedding in TensorBoard's projector, labelled with the words."""

from pathlib import Path

import numpy as np
from tensorboard.plugins import projector

from semreg_tf.data.atomic_write import write_lines
from semreg_tf.data.vocabulary import UNKNOWN, Vocabulary

TENSOR_FILE, METADATA_FILE = "word_embedding.tsv", "metadata.tsv"
# The projector is slow with more points; vocabularies begin with the most frequent words.
MAX_WORDS = 5_000


def write_projector(folder: Path, embedding: np.ndarray, vocabulary: Vocabulary) -> None:
    """Writes the embedding, (input_size, width), its words and `projector_config.pbtxt`.

    Raises:
      OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unknown = () if vocabulary.unknown_id is None else (UNKNOWN,)
    names = (*vocabulary.names, *unknown, "<end>", "<start>")
    rows = np.asarray(embedding[:MAX_WORDS], np.float32)
    write_lines(folder / TENSOR_FILE, ("\t".join(f"{x:.4g}" for x in row) for row in rows))
    write_lines(folder / METADATA_FILE, names[: len(rows)])
    config = projector.ProjectorConfig()
    entry = config.embeddings.add()
    entry.tensor_name = "word_embedding"
    entry.tensor_path, entry.metadata_path = TENSOR_FILE, METADATA_FILE
    entry.tensor_shape.extend(rows.shape)
    projector.visualize_embeddings(str(folder), config)
