"""Defaults that depend on the number of training images: steps, and whether the CNN trains.

The rule sets fields that are None, as in the experiments `custom_*`. docs/training.md explains it.
"""

import dataclasses
from dataclasses import dataclass

from semreg_tf.config import Config

# Number of validations of a phase; the best checkpoint is one of them.
VALIDATIONS = 8
# With fewer training images, features of a frozen CNN are cached for more views of each image.
FEW_PICTURES = 2_000


@dataclass(frozen=True)
class Length:
    """The number of steps of a phase, as passes over the images, with bounds in steps."""

    passes: int
    least: int
    most: int

    def steps(self, num_pictures: int, batch_size: int) -> int:
        """Returns the number of steps for a number of images."""
        return min(max(self.passes * num_pictures // batch_size, self.least), self.most)


@dataclass(frozen=True)
class SizeRule:
    """Defaults by the number of training images; all figures are ours.

    Attributes:
      fine_tune_from: number of images from which on the CNN is trained.
      views: cached views per image for a frozen CNN, below `FEW_PICTURES` and from there on.
      head: length of the training of the concept head on cached features.
      fine_tuning: length of the unary stage if the CNN is trained.
      relational: length of the relational stage.
      joint: length of the joint stage.
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
    """Returns whether any field of a config depends on the number of training images."""
    stages = (getattr(config, stage) for stage in config.stages)
    return config.encoder.trainable is None or any(stage.steps is None for stage in stages)


def sized(config: Config, num_pictures: int) -> Config:
    """Returns a config whose fields that are None are set by the number of training images.

    The fields are `encoder.trainable`, `image.cached_views`, `unary.head_only_steps`, and `steps`
    and `validate_every_steps` of each stage.

    Example:
      >>> sized(experiments.get("custom_tags/s_cnn_rnn"), 500).encoder.trainable
      False
    """
    rule = RULES[config.preset]
    trainable = config.encoder.trainable
    if trainable is None:
        trainable = num_pictures >= rule.fine_tune_from

    def steps(length: Length, stage: str) -> int:
        return length.steps(num_pictures, getattr(config, stage).batch_size)

    sections = {
        "unary": steps(rule.fine_tuning if trainable else rule.head, "unary"),
        "relational": steps(rule.relational, "relational"),
        "joint": steps(rule.joint, "joint"),
    }
    changes = {}
    for stage, num_steps in sections.items():
        section = getattr(config, stage)
        fields = {} if section.steps is not None else {"steps": num_steps}
        if getattr(section, "head_only_steps", 0) is None:
            fields["head_only_steps"] = steps(rule.head, stage) if trainable else 0
        if section.validate_every_steps is None:
            length = fields.get("steps", section.steps)
            # Rounded up, because a phase is validated at its end anyway.
            fields["validate_every_steps"] = max(1, -(-length // VALIDATIONS))
        changes[stage] = dataclasses.replace(section, **fields)
    changes["encoder"] = dataclasses.replace(config.encoder, trainable=trainable)
    if config.image.cached_views is None:
        views = 1 if trainable else rule.views[num_pictures >= FEW_PICTURES]
        changes["image"] = dataclasses.replace(config.image, cached_views=views)
    return dataclasses.replace(config, **changes)
