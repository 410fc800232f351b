"""What each stage feeds, trains and minimises (Sec. 3.3, Fig. 2)."""

from dataclasses import dataclass

import tensorflow as tf

from semreg_tf import losses
from semreg_tf.config import Config, StageConfig
from semreg_tf.data import batch
from semreg_tf.models.annotator import GROUPS, Annotator

STAGES = ("unary", "relational", "joint")


@dataclass(frozen=True)
class Phase:
    """A run of steps that trains the same groups on the same keys.

    Attributes:
      name: shown and logged.
      first_step: where it begins.
      last_step: where it ends, exclusive.
      groups: of `annotator.GROUPS`, what it trains.
      keys: what the pipeline makes.
      part: which logits Lu reads: "image", "tags" or "all".
    """

    name: str
    first_step: int
    last_step: int
    groups: tuple[str, ...]
    keys: tuple[str, ...]
    part: str = "all"


def stage_config(config: Config, stage: str) -> StageConfig:
    """Returns the stage's section of the config.

    Raises:
      ValueError: the experiment has no such stage.
    """
    if stage not in STAGES or stage not in config.stages:
        raise ValueError(
            f"`stage` must be one of this experiment's, {', '.join(config.stages)}. "
            f"Received: stage={stage!r}, experiment={config.name!r}"
        )
    return getattr(config, stage)


def phases(config: Config, stage: str) -> tuple[Phase, ...]:
    """Returns a stage's phases, in order; phases without steps are left out."""
    section = stage_config(config, stage)
    visual = batch.IMAGE if config.encoder.trainable else batch.FEATURES
    side = (batch.USER_TAGS,) if config.data.num_user_tags else ()
    image_id = (batch.IMAGE_ID,)
    if stage == "relational" and config.pretrains_on_features:
        keys = (batch.FEATURES, *side, *batch.SEQUENCE_KEYS, *image_id)
        return (Phase("relational", 0, section.steps, ("decoder",), keys),)
    if stage == "relational":
        keys = (batch.CONCEPTS, *batch.SEQUENCE_KEYS, *image_id)
        return (Phase("relational", 0, section.steps, ("decoder",), keys),)
    if stage == "joint":
        keys = (visual, *side, batch.CONCEPTS, *batch.SEQUENCE_KEYS, *image_id)
        return (Phase("joint", 0, section.steps, GROUPS, keys),)
    return _unary_phases(config, visual, side, image_id)


def _unary_phases(
    config: Config, visual: str, side: tuple[str, ...], image_id: tuple[str, ...]
) -> tuple[Phase, ...]:
    section = config.unary
    tag_keys = (batch.USER_TAGS, batch.CONCEPTS, *image_id)
    if section.part == "tags":
        return (Phase("user tags", 0, section.steps, ("tag_model",), tag_keys, "tags"),)
    groups = ("encoder", "image_head") + (("tag_model",) if section.part == "all" else ())
    keys = (visual, *side, batch.CONCEPTS, *image_id)
    tags = section.tag_only_steps if side else 0
    head = tags + section.head_only_steps
    head_groups = tuple(g for g in groups if g != "encoder")
    resting = batch.FEATURES if section.head_only_cached else visual
    head_keys = (resting, *keys[1:])
    found = (
        Phase("user tags alone", 0, tags, ("tag_model",), tag_keys, "tags"),
        Phase("prediction layer", tags, head, head_groups, head_keys, section.part),
        Phase("all layers", head, head + section.steps, groups, keys, section.part),
    )
    return tuple(p for p in found if p.last_step > p.first_step)


def encoder_outputs(
    annotator: Annotator, tensors: dict[str, tf.Tensor], phase: Phase, section: StageConfig
) -> dict[str, tf.Tensor]:
    """Runs what a phase needs of encoder and head, in training mode.

    The relational stage feeds the ground truth s in place of s_hat and runs neither.
    """
    if phase.keys[0] == batch.CONCEPTS:
        return {"concept_probabilities": tensors[batch.CONCEPTS]}
    if phase.part == "tags":
        return annotator.tag_model({"user_tags": tensors[batch.USER_TAGS]}, training=True)
    moving = section.update_batch_norm and "encoder" in phase.groups
    outputs = annotator.encode(tensors, training=True, update_batch_norm=moving)
    return outputs


def stage_losses(
    annotator: Annotator,
    tensors: dict[str, tf.Tensor],
    phase: Phase,
    section: StageConfig,
    seed: tf.Tensor,
    packed: bool = True,
) -> dict[str, tf.Tensor]:
    """Computes a phase's losses on one batch.

    Args:
      annotator: the models.
      tensors: a batch by the contract's names.
      phase: what is trained.
      section: the stage's config.
      seed: int32 (2,), for sampled losses.
      packed: True: real targets alone are scored; False: padding too, every shape static.

    Returns:
      `loss` (scalar, what is minimised), and of those that apply `unary_loss` (Lu),
      `relational_loss` (Lr), `loss_per_word`, `num_words`: float32 scalars.
    """
    config = annotator.config
    outputs = encoder_outputs(annotator, tensors, phase, section)
    made: dict[str, tf.Tensor] = {}
    unary = relational = tf.zeros((), tf.float32)
    if phase.name != "relational" and config.concepts.supervised:
        key = {"image": "image_logits", "tags": "tag_logits", "all": "concept_logits"}[phase.part]
        logits = outputs.get(key, outputs.get("concept_logits"))
        unary = losses.concept_loss(config.concepts.loss, logits, tensors[batch.CONCEPTS], seed)
        made["unary_loss"] = tf.reduce_mean(unary)
    if batch.INPUT_IDS in phase.keys:
        mask = tensors[batch.PADDING_MASK]
        ids, targets = tensors[batch.INPUT_IDS], tensors[batch.TARGET_IDS]
        if packed:
            logits, rows = annotator.decoder.packed_logits(outputs, ids, mask, training=True)
            relational, total = losses.packed_sequence_loss(logits, rows, targets, mask)
        else:
            logits = annotator.decoder(outputs, ids, training=True)
            relational, total = losses.padded_sequence_loss(logits, targets, mask)
        words = tf.reduce_sum(tf.cast(mask, tf.float32))
        made["relational_loss"] = tf.reduce_mean(relational)
        made["loss_per_word"] = tf.math.divide_no_nan(total, words)
        made["num_words"] = words
    weights = (
        getattr(section, "unary_weight", 1.0),
        getattr(section, "relational_weight", 1.0),
    )
    made["loss"] = losses.joint_loss(unary, relational, *weights)
    return made
