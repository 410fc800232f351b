"""How each stage of training goes (Sec. 3.3): steps, rates, clipping, validation."""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class StageConfig(Checked):
    """One stage of training (Sec. 3.3). Rates and thresholds are for summed losses."""

    # None: by the number of training pictures (`semreg_tf.size_rule`).
    steps: int | None = number(10_000, 0)
    # The batch size the paper states once (Sec. 5.1), taken over where it is silent.
    batch_size: int = number(32, 1)
    optimizer: Literal["rmsprop", "sgd", "adam"] = "rmsprop"
    learning_rate: float = number(1e-4, 0.0)
    # The CNN's and the head's rate as multiples of `learning_rate`.
    encoder_rate: float = number(1.0, 0.0)
    head_rate: float = number(1.0, 0.0)
    # The user-tag MLP's, as such a multiple; None: the head's, for both are new layers (ours).
    tag_rate: float | None = number(None, 0.0)
    # TensorFlow 1 and Keras agree on 0.9 and 0; epsilon is Keras's.
    rho: float = number(0.9, 0.0, 1.0)
    momentum: float = number(0.0, 0.0, 1.0)
    epsilon: float = number(1e-7, 0.0)
    weight_decay: float = number(0.0, 0.0)
    # The CNN's; None: `weight_decay`.
    encoder_weight_decay: float | None = number(None, 0.0)
    # "cosine" falls to zero at the end of each phase; the paper names no schedule.
    schedule: Literal["constant", "cosine"] = "constant"
    # By global norm, the CNN apart from the rest, on the scale of the summed losses (ours);
    # None: no clipping.
    clip_norm: float | None = number(None, 0.0)
    encoder_clip_norm: float | None = number(None, 0.0)
    # "word": `clip_norm` is held against the norm by the batch's mean caption length, so that
    # batches of long captions are not clipped more (measured, docs/training.md).
    clip_scale: Literal["sum", "word"] = "sum"
    # Ours: batch normalisation's statistics move in the unary stage and rest in the joint one.
    update_batch_norm: bool = True
    # Steps of a phase from one validation to the next, by its free-running metric; 0: at its end;
    # None: an eighth of the steps.
    validate_every_steps: int | None = number(0, 0)
    # A phase ends after that many of its validations without a rise; 0: after its steps alone.
    patience: int = number(0, 0)
    checkpoint_every_steps: int = number(500, 1)
    # None: all validation images.
    validation_images: int | None = number(None, 1)

    def check(self) -> None:
        """Refuses a patience that can never be reached."""
        if self.patience and self.validate_every_steps == 0:
            raise ValueError(
                "`patience` needs `validate_every_steps` above 0. "
                f"Received: patience={self.patience}, validate_every_steps=0"
            )


@config_class
class UnaryConfig(StageConfig):
    """The unary stage: CNN and concept head on Lu."""

    # Sec. 5.1: the prediction layer alone first; how long is ours; None: by the
    # number of training pictures.
    head_only_steps: int | None = number(0, 0)
    # True: meanwhile the CNN, which rests, is run once and its features are cached, without
    # augmentation (ours); False: it reads augmented pictures at each step.
    head_only_cached: bool = False
    # Sec. 4.1: the user-tag MLP is pretrained on its own before the two are summed (steps: ours).
    tag_only_steps: int = number(0, 0)
    # Of `concepts.places.kind` "crops": a CNN that trains reads the whole image alone; then, at
    # rest, it is run once over all crops, and the head trains so many steps on them (Wu et al.
    # 2016, from memory; steps: ours).
    crop_steps: int = number(0, 0)
    # "tags" trains the user-tag MLP alone (Sec. 4.1, pretrained on its own).
    part: Literal["image", "tags", "all"] = "all"


@config_class
class RelationalConfig(StageConfig):
    """The relational stage: the decoder on Lr, fed the true concepts."""

    # A file of captions without pictures that the stage reads beside the data set's (ours): a token
    # file of lines `name#number<TAB>caption`, or JSON Lines. It sees no image, so it needs none.
    extra_captions: str | None = None
    # Whether words of those captions join the vocabulary, counted together with the data set's;
    # in every stage of a run alike. Concepts stay those of captions with pictures.
    extra_words: bool = False

    def check(self) -> None:
        """Refuses more words without the captions that bring them."""
        super().check()
        if self.extra_words and self.extra_captions is None:
            raise ValueError(
                "`relational.extra_words` needs `relational.extra_captions`. "
                "Received: extra_words=True, extra_captions=None"
            )


@config_class
class JointConfig(StageConfig):
    """The joint stage: L = Lu + Lr (eq. 4)."""

    # Eq. 4 is unweighted.
    unary_weight: float = number(1.0, 0.0)
    relational_weight: float = number(1.0, 0.0)
    # So many first steps train the decoder alone, on Lr, while CNN and concept head rest (Vinyals
    # et al. 2016: about 500,000 before the CNN is fine-tuned; You et al. 2016: all of them).
    decoder_only_steps: int = number(0, 0)
    # True: meanwhile cached features without augmentation are read (ours); False: pictures.
    decoder_only_cached: bool = False


@config_class
class SamplingConfig(Checked):
    """Scheduled sampling (Bengio et al. 2015): the decoder is also fed words that it says itself.

    At step i of a stage each word but START is the true one with probability eps_i, by a coin of
    its own; otherwise it is drawn from the model's prediction, through which no gradient passes.
    """

    # How eps_i falls: "linear" max(minimum, offset - decay i); "exponential" decay^i;
    # "inverse_sigmoid" decay / (decay + exp(i / decay)), theirs on COCO; "none": all are true.
    schedule: Literal["none", "linear", "exponential", "inverse_sigmoid"] = "none"
    # None: so that eps is `last_share` at the stage's end (ours; they print no value).
    decay: float | None = number(None, 0.0)
    last_share: float = number(0.75, 0.01, 0.99)
    # Of "linear".
    offset: float = number(1.0, 0.0)
    minimum: float = number(0.0, 0.0, 1.0)
    # A draw from the softmax (theirs) or its likeliest word.
    draw: Literal["sample", "argmax"] = "sample"

    def check(self) -> None:
        """Refuses a decay by which a share would not fall."""
        wrong = self.decay is not None and (
            (self.schedule == "exponential" and not 0.0 < self.decay < 1.0)
            or (self.schedule == "inverse_sigmoid" and self.decay < 1.0)
        )
        if wrong:
            raise ValueError(
                "`decay` of scheduled sampling must be between 0 and 1 for 'exponential', at least "
                f"1 for 'inverse_sigmoid'. Received: decay={self.decay}, "
                f"schedule={self.schedule!r}"
            )
