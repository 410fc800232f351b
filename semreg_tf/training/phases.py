"""The stages of training, each a list of phases (Sec. 3.3, Fig. 2).

Only this module interprets a stage's name; other modules ask its phases.
"""

from collections.abc import Callable
from dataclasses import dataclass

from semreg_tf.config import Config, StageConfig
from semreg_tf.data import batch
from semreg_tf.models.side_information import Part
from semreg_tf.training.features import cached_keys, head_keys, side_keys, visual_keys
from semreg_tf.training.phase import Phase, TrainedGroup, WarmStart
from semreg_tf.training.phase_loss import PhaseLoss
from semreg_tf.training.phase_metric import (
    PhaseMetric,
    concept_metric,
    sequence_metric,
    shown_beside,
)
from semreg_tf.training.scheduled_sampling import with_decay
from semreg_tf.training.self_critical import SelfCritical

# The phase that trains the prediction layer on a frozen CNN (Sec. 5.1).
HEAD_ONLY = "prediction layer"
# The phase that trains the decoder on a frozen CNN and head.
DECODER_ONLY = "decoder alone"
# The phase that trains the decoder on what it samples.
REWARD = "rewards"
# The parts of each stage from which later stages may start.
PARTS = {"unary": ("encoder", "head"), "relational": ("decoder",)}


@dataclass(frozen=True)
class Stage:
    """A list of phases that are trained in one work directory.

    Attributes:
      name: "unary", "relational" or "joint".
      section: its config.
      planned: its phases in order, including those without steps.
    """

    name: str
    section: StageConfig
    planned: tuple[Phase, ...]

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that have steps, in order."""
        return tuple(phase for phase in self.planned if phase.steps)

    @property
    def trains_decoder(self) -> bool:
        """Whether any phase trains the decoder."""
        return any("decoder" in phase.groups for phase in self.planned)

    @property
    def reads_true_concepts(self) -> bool:
        """Whether all phases read the true concepts in place of the image."""
        return all(phase.loss.reads == "true_concepts" for phase in self.planned)

    def check_sees_images(self, workdir: object) -> None:
        """Refuses the work directory of a stage that reads the true concepts.

        Raises:
          ValueError: its model sees no images.
        """
        if self.reads_true_concepts:
            raise ValueError(
                "`workdir` must hold a model that sees images: give the joint run, for the "
                f"{self.name} stage is fed the true concepts, as evaluation is with "
                f"`true_concepts`. Received: workdir={str(workdir)!r}, of the {self.name} stage"
            )

    def check_trains_decoder(self, workdir: object) -> None:
        """Refuses the work directory of a stage without a trained decoder.

        Raises:
          ValueError: its decoder is not trained.
        """
        if not self.trains_decoder:
            raise ValueError(
                "`workdir` must hold a trained decoder: give the joint run. "
                f"Received: workdir={str(workdir)!r}, of the {self.name} stage"
            )

    @property
    def warm_starts(self) -> tuple[WarmStart, ...]:
        """The earlier stages from which its initial weights may be restored."""
        return tuple(source for phase in self.planned[:1] for source in phase.warm_starts)

    def check_warm_starts(self, folders: dict[str, object]) -> None:
        """Refuses work directories (or None) by stage that are not among the warm starts.

        Raises:
          ValueError: a folder is given for another stage.
        """
        accepted = {source.stage for source in self.warm_starts}
        for stage, folder in folders.items():
            if folder is not None and stage not in accepted:
                raise ValueError(
                    f"`{stage}` must be None for the {self.name} stage of this experiment, which "
                    f"does not start from it. Received: {stage}={str(folder)!r}"
                )


def find_stage(config: Config, name: str) -> Stage:
    """Returns a stage of an experiment.

    Raises:
      ValueError: the experiment has no such stage.

    Example:
      >>> [phase.name for phase in find_stage(experiments.get("demo_tags/ria"), "joint").phases]
      ['joint']
    """
    if name not in _PLANS or name not in config.stages:
        raise ValueError(
            f"`stage` must be one of this experiment's, {', '.join(config.stages)}. "
            f"Received: stage={name!r}, experiment={config.name!r}"
        )
    section = getattr(config, name)
    return Stage(name, section, _PLANS[name](config, section))


def _unary(config: Config, section: StageConfig) -> tuple[Phase, ...]:
    """Returns the phases: tag model, prediction layer, all layers, then crops."""
    if config.unary.part == "tags":
        return (_user_tags(config, "user tags", section.steps),)
    part: Part = config.unary.part if config.has_tag_model else "all"
    names = ("encoder", "image_head", "tag_model")[: None if part == "all" else -1]
    truth = (batch.CONCEPTS, *config.predicted_layers)
    other_keys = (*side_keys(config), *truth, batch.IMAGE_ID)
    cached = (*head_keys(config), *other_keys)
    keys = (batch.IMAGE, *other_keys) if config.encoder.trainable else cached
    head_only = cached if config.unary.head_only_cached else keys
    tag_steps = config.unary.tag_only_steps if config.has_tag_model else 0
    metric = concept_metric(config.data.task, part)
    label_metric = None if config.labels is None else concept_metric("tags")

    def on_images(name: str, steps: int, keys: tuple[str, ...], *groups: str) -> Phase:
        whole = _reads_whole_image(config, keys)
        loss = _image_loss(config, section, groups, part=part, whole_image=whole)
        trained = _trained(section, *groups)
        return Phase(name, steps, keys, trained, section, loss, metric, label_metric=label_metric)

    return (
        _user_tags(config, "user tags alone", tag_steps),
        on_images(HEAD_ONLY, config.unary.head_only_steps, head_only, *names[1:]),
        on_images("all layers", section.steps, keys, *names),
        on_images("crops", config.unary.crop_steps, cached, *names[1:]),
    )


def _user_tags(config: Config, name: str, steps: int) -> Phase:
    """Returns the phase that trains the tag model, without images (Sec. 4.1)."""
    section = config.unary
    return Phase(
        name,
        steps,
        (batch.USER_TAGS, batch.CONCEPTS, batch.IMAGE_ID),
        _trained(section, "tag_model"),
        section,
        PhaseLoss(reads="user_tags", concepts=config.concepts, part="tags"),
        concept_metric(config.data.task, "tags"),
    )


def _relational(config: Config, section: StageConfig) -> tuple[Phase, ...]:
    """Returns the phase that trains the decoder on true concepts, or on cached features."""
    if config.pretrains_on_features:
        reads, first = "image", (*cached_keys(config), *side_keys(config))
    else:
        reads, first = "true_concepts", (batch.CONCEPTS,)
    return (
        Phase(
            "relational",
            section.steps,
            (*first, *batch.SEQUENCE_KEYS, batch.IMAGE_ID),
            _trained(section, "decoder"),
            section,
            PhaseLoss(reads=reads, words=True, sampling=with_decay(config.sampling, section.steps)),
            sequence_metric(config.data.task),
            shown_beside(config.data.task),
            captions_per_image=1,
            warm_starts=_warm_starts(config, "relational"),
            label_metric=_label_metric(config),
        ),
    )


def _joint(config: Config, section: StageConfig) -> tuple[Phase, ...]:
    """Returns the phases: the decoder only, all groups on L = Lu + Lr (eq. 4), then rewards."""
    groups = ("encoder", "image_head", "tag_model", "decoder")
    decoder_steps = config.joint.decoder_only_steps
    sampling = with_decay(config.sampling, decoder_steps + section.steps)
    weights = {
        "unary_weight": config.joint.unary_weight,
        "relational_weight": config.joint.relational_weight,
    }
    frozen = cached_keys(config) if config.joint.decoder_only_cached else visual_keys(config)
    words = (*batch.SEQUENCE_KEYS, batch.IMAGE_ID)

    def on_words(
        name: str, steps: int, keys: tuple[str, ...], loss: PhaseLoss, *trained: str
    ) -> Phase:
        return Phase(
            name,
            steps,
            (*keys, *words),
            _trained(section, *trained),
            section,
            loss,
            sequence_metric(config.data.task),
            shown_beside(config.data.task),
            captions_per_image=config.data.captions_per_image,
            warm_starts=_warm_starts(config, "joint"),
            label_metric=_label_metric(config),
        )

    truth = (batch.CONCEPTS, *config.predicted_layers)
    visual = (*visual_keys(config), *side_keys(config), *truth)
    on_decoder = PhaseLoss(
        words=True,
        sampling=sampling,
        relational_weight=config.joint.relational_weight,
        concepts_without_dropout=config.concepts.supervised,
    )
    whole = _reads_whole_image(config, visual)
    on_all = _image_loss(
        config, section, groups, words=True, sampling=sampling, whole_image=whole, **weights
    )
    return (
        on_words(DECODER_ONLY, decoder_steps, (*frozen, *side_keys(config)), on_decoder, "decoder"),
        on_words("joint", section.steps, visual, on_all, *groups),
        _reward(config),
    )


def _reward(config: Config) -> Phase:
    """Returns the phase that trains the decoder on the CIDEr of its samples, on cached features."""
    section, decoding = config.joint, config.decoding
    rate = section.learning_rate * section.reward_rate
    # No longer than what is decoded.
    reward = SelfCritical(section.reward_samples, decoding.max_steps)
    return Phase(
        REWARD,
        section.reward_steps,
        (*cached_keys(config), *side_keys(config), batch.IMAGE_ID),
        (TrainedGroup("decoder", rate, section.weight_decay),),
        section,
        PhaseLoss(reward=reward),
        sequence_metric(config.data.task),
        shown_beside(config.data.task),
    )


_PLANS: dict[str, Callable[[Config, StageConfig], tuple[Phase, ...]]] = {
    "unary": _unary,
    "relational": _relational,
    "joint": _joint,
}


def _label_metric(config: Config) -> PhaseMetric | None:
    return None if config.labels is None else sequence_metric("tags")


def _warm_starts(config: Config, stage: str) -> tuple[WarmStart, ...]:
    return tuple(WarmStart(source, PARTS[source]) for source in config.warm_starts(stage))


def _reads_whole_image(config: Config, keys: tuple[str, ...]) -> bool:
    """Returns whether a phase reads whole images although the model scores crops."""
    return config.concepts.places.kind == "crops" and batch.IMAGE in keys


def _image_loss(
    config: Config, section: StageConfig, groups: tuple[str, ...], **fields: object
) -> PhaseLoss:
    trains_encoder = "encoder" in groups
    return PhaseLoss(
        concepts=config.concepts if config.concepts.supervised else None,
        layers=config.predicted_layers if config.concepts.supervised else (),
        trains_encoder=trains_encoder,
        moves_statistics=section.update_batch_norm and trains_encoder,
        **fields,
    )


def _trained(section: StageConfig, *names: str) -> tuple[TrainedGroup, ...]:
    """Returns groups with the stage's learning rates and weight decays."""
    tag_rate = section.head_rate if section.tag_rate is None else section.tag_rate
    rates = {
        "encoder": section.encoder_rate,
        "image_head": section.head_rate,
        "tag_model": tag_rate,
        "decoder": 1.0,
    }
    decays = dict.fromkeys(rates, section.weight_decay)
    if section.encoder_weight_decay is not None:
        decays["encoder"] = section.encoder_weight_decay
    return tuple(TrainedGroup(n, section.learning_rate * rates[n], decays[n]) for n in names)
