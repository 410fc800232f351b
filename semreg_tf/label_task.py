"""The config of the tag model inside an experiment on captions and labels."""

import dataclasses
from collections.abc import Sequence

from semreg_tf.config import Config

# The beginning of overrides of the tag model, in a model of captions and labels.
_OF_LABELS = "labels."
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


def overrides_of_part(overrides: Sequence[str], task: str) -> list[str]:
    """Returns the overrides of one of two models, a captioner and a tag model.

    Those of the tag model begin with "labels.", as in the config of both; the views of test images
    are both models'.

    Args:
      overrides: such as "decoding.beam_width=5" or "labels.decoding.max_steps=9".
      task: "captions" or "tags", of the model.

    Example:
      >>> overrides_of_part(["decoding.beam_width=5", "labels.decoding.max_steps=9"], "tags")
      ['decoding.max_steps=9']
    """
    of_labels = [x.removeprefix(_OF_LABELS) for x in overrides if x.startswith(_OF_LABELS)]
    others = [x for x in overrides if not x.startswith(_OF_LABELS)]
    shared = [x for x in others if x.startswith("image.")]
    return [*shared, *of_labels] if task == "tags" else others
