"""The models of an experiment with initial weights, without training."""

import os
from collections.abc import Sequence

from semreg_tf.api.choosing import chosen_config
from semreg_tf.config import Config
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.training.concept_words import set_concept_words


def build(
    config_or_name: Config | str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    num_concepts: int | None = None,
    vocab_size: int | None = None,
    overrides: Sequence[str] = (),
) -> Annotator:
    """Builds the functional Keras models of an experiment; they share their weights.

    Args:
      config_or_name: a config, or the name of an experiment.
      data_dir: the folder of prepared data sets, for the two sizes; None: both are arguments.
      num_concepts: number of concepts k; None: the data set's.
      vocab_size: output rows of the decoder; None: the data set's.
      overrides: values of config fields, such as "encoder.weights=null".

    Returns:
      An annotator with `encoder`, `head`, `decoder` and the whole `model`, whose `summary()` shows
      the shapes.

    Raises:
      ValueError: the name or a field's value is invalid, or the sizes are not known.

    Example:
      >>> annotator = build("demo_tags/s_cnn_rnn", num_concepts=28, vocab_size=29)
      >>> annotator.model.summary()
    """
    config = chosen_config(config_or_name, overrides)
    vocabularies = None
    if data_dir is not None:
        folder = find_builder(data_dir, config.data.dataset).data_dir
        vocabularies = Vocabularies.from_dataset(folder, config.data)
        num_concepts = len(vocabularies.concepts) if num_concepts is None else num_concepts
        vocab_size = vocabularies.output.size if vocab_size is None else vocab_size
    if num_concepts is None or vocab_size is None:
        raise ValueError(
            "`data_dir` must be given, or both `num_concepts` and `vocab_size`. Received: "
            f"data_dir=None, num_concepts={num_concepts}, vocab_size={vocab_size}"
        )
    for name, size in (("num_concepts", num_concepts), ("vocab_size", vocab_size)):
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"`{name}` must be a whole number above 0. Received: {name}={size!r}")
    annotator = Annotator(config, num_concepts, vocab_size)
    if vocabularies is not None:
        set_concept_words(annotator, vocabularies)
    return annotator
