"""How long to train, and whether the CNN trains, by the number of training pictures.

The rule stands in for fields that are None, as in the experiments `custom_*`; a field that is set
stays. docs/training.md tells it in words.
"""

import dataclasses
from dataclasses import dataclass

from semreg_tf.config import Config

# Validations of a phase, of which the best checkpoint is chosen.
VALIDATIONS = 8
# Below that number a frozen CNN sees crops of each picture too: encoding them takes minutes.
FEW_PICTURES = 2_000


@dataclass(frozen=True)
class Length:
    """Steps of a phase: so many passes over the pictures, within bounds."""

    passes: int
    least: int
    most: int

    def steps(self, num_pictures: int, batch_size: int) -> int:
        """Returns the steps for a number of pictures."""
        return min(max(self.passes * num_pictures // batch_size, self.least), self.most)


@dataclass(frozen=True)
class SizeRule:
    """What follows from the number of pictures; all figures are ours.

    Attributes:
      fine_tune_from: pictures from which on the CNN trains.
      views: of each picture, where the CNN is frozen: for fewer pictures than `FEW_PICTURES`, and
        for more.
      head: the prediction layer on features that are computed once.
      fine_tuning: the unary stage where the CNN trains.
      relational: the decoder on true concepts.
      joint: everything.
    """

    fine_tune_from: int
    views: tuple[int, int]
    head: Length
    fine_tuning: Length
    relational: Length
    joint: Length


RULES = {
    "fast": SizeRule(
        fine_tune_from=50_000,
        views=(2, 1),
        head=Length(20, 200, 5_000),
        fine_tuning=Length(1, 200, 5_000),
        relational=Length(30, 400, 10_000),
        joint=Length(8, 200, 5_000),
    ),
    "thorough": SizeRule(
        fine_tune_from=10_000,
        views=(10, 2),
        head=Length(40, 400, 10_000),
        fine_tuning=Length(3, 400, 15_000),
        relational=Length(60, 800, 30_000),
        joint=Length(16, 400, 15_000),
    ),
}


def follows_size(config: Config) -> bool:
    """Returns whether any field of a config follows from the number of pictures."""
    stages = (getattr(config, stage) for stage in config.stages)
    return config.encoder.trainable is None or any(stage.steps is None for stage in stages)


def sized(config: Config, num_pictures: int) -> Config:
    """Returns a config with the fields that are None set by the number of training pictures.

    They are `encoder.trainable`, `image.cached_views`, `unary.head_only_steps`, and of each stage
    `steps` and `validate_every_steps`.

    Args:
      config: the experiment; a field that is set stays as it is.
      num_pictures: of the training split.

    Example:
      >>> sized(experiments.get("custom_tags/s_cnn_rnn"), 500).encoder.trainable
      False
    """
    rule = RULES[config.preset]
    tuned = config.encoder.trainable
    if tuned is None:
        tuned = num_pictures >= rule.fine_tune_from

    def steps(length: Length, stage: str) -> int:
        return length.steps(num_pictures, getattr(config, stage).batch_size)

    sections = {
        "unary": steps(rule.fine_tuning if tuned else rule.head, "unary"),
        "relational": steps(rule.relational, "relational"),
        "joint": steps(rule.joint, "joint"),
    }
    changes = {}
    for stage, number in sections.items():
        section = getattr(config, stage)
        fields = {} if section.steps is not None else {"steps": number}
        if getattr(section, "head_only_steps", 0) is None:
            fields["head_only_steps"] = steps(rule.head, stage) if tuned else 0
        if section.validate_every_steps is None:
            length = fields.get("steps", section.steps)
            # Rounded up, for a phase is validated at its end anyway.
            fields["validate_every_steps"] = max(1, -(-length // VALIDATIONS))
        changes[stage] = dataclasses.replace(section, **fields)
    changes["encoder"] = dataclasses.replace(config.encoder, trainable=tuned)
    if config.image.cached_views is None:
        views = 1 if tuned else rule.views[num_pictures >= FEW_PICTURES]
        changes["image"] = dataclasses.replace(config.image, cached_views=views)
    return dataclasses.replace(config, **changes)
