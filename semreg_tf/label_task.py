"""An experiment on captions and labels, seen as the one on labels that is inside it."""

import dataclasses

from semreg_tf.config import Config

# Of a run on captions and labels, the folder of its labels' results.
LABEL_RESULTS = "labels"


def label_config(config: Config) -> Config:
    """Returns the tag model inside an experiment on both tasks, as an experiment of its own.

    Args:
      config: an experiment with `labels`.

    Raises:
      ValueError: the experiment has none.

    Example:
      >>> label_config(experiments.get("demo_both/s_cnn_rnn")).decoding.method
      'greedy'
    """
    labels = config.labels
    if labels is None:
        raise ValueError(
            "`config` must have `labels` beside its captions. "
            f"Received: {config.name!r}, of captions alone"
        )
    data = dataclasses.replace(
        config.data,
        task="tags",
        label_order=labels.label_order,
        num_concepts=None,
        max_vocab_size=None,
        min_word_count=1,
        captions_per_image=None,
    )
    return dataclasses.replace(
        config,
        data=data,
        decoder=labels.decoder,
        decoding=labels.decoding,
        labels=None,
    )
