"""The config of the tag model inside an experiment on captions and labels."""

import dataclasses

from semreg_tf.config import Config

# The folder with the results on labels, in a run on captions and labels.
LABEL_RESULTS = "labels"


def label_config(config: Config) -> Config:
    """Returns the config of the tag model inside an experiment on captions and labels.

    Args:
      config: an experiment with `labels`.

    Raises:
      ValueError: the experiment has no `labels`.

    Example:
      >>> label_config(experiments.get("demo_both/s_cnn_rnn")).decoding.method
      'greedy'
    """
    labels = config.labels
    if labels is None:
        raise ValueError(
            f"`config` must have `labels`. Received: {config.name!r}, which only writes captions"
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
