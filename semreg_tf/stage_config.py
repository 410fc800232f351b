"""Configs of the training stages (Sec. 3.3): steps, rates, clipping, validation."""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class StageConfig(Checked):
    """One stage of training (Sec. 3.3). Rates and thresholds are for summed losses."""

    # None: by the number of training images (`semreg_tf.size_rule`).
    steps: int | None = number(10_000, 0)
    # The paper's only stated batch size (Sec. 5.1), used for all stages and tasks.
    batch_size: int = number(32, 1)
    optimizer: Literal["rmsprop", "sgd", "adam"] = "rmsprop"
    learning_rate: float = number(1e-4, 0.0)
    # The CNN's learning rate as a multiple of `learning_rate`.
    encoder_rate: float = number(1.0, 0.0)
    # The concept head's learning rate as a multiple of `learning_rate`.
    head_rate: float = number(1.0, 0.0)
    # The user-tag MLP's learning rate as a multiple of `learning_rate`; None: `head_rate`, as both
    # are new layers (ours).
    tag_rate: float | None = number(None, 0.0)
    # The default of TensorFlow 1 and of Keras.
    rho: float = number(0.9, 0.0, 1.0)
    # The default of TensorFlow 1 and of Keras.
    momentum: float = number(0.0, 0.0, 1.0)
    # Keras's default.
    epsilon: float = number(1e-7, 0.0)
    weight_decay: float = number(0.0, 0.0)
    # Weight decay of the CNN; None: `weight_decay`.
    encoder_weight_decay: float | None = number(None, 0.0)
    # "cosine" decays to zero at the end of each phase; the paper states no schedule.
    schedule: Literal["constant", "cosine"] = "constant"
    # Decay of a moving average of the weights, with bias correction, that is validated, stored and
    # exported in their place (ours); 0: no average.
    average_decay: float = number(0.0, 0.0, 0.99999)
    # Clipping by global norm of all gradients but the CNN's, on the scale of the summed losses
    # (ours); None: no clipping.
    clip_norm: float | None = number(None, 0.0)
    # The same for the CNN's gradients.
    encoder_clip_norm: float | None = number(None, 0.0)
    # "word": the norm is divided by the batch's mean caption length before it is compared with
    # `clip_norm`, so that long captions are not clipped more (measured, docs/training.md).
    clip_scale: Literal["sum", "word"] = "sum"
    # Whether batch normalisation updates its statistics. Ours: in the unary stage, not in the joint
    # one.
    update_batch_norm: bool = True
    # Steps between validations by the phase's metric; 0: only at the end of a phase; None: an
    # eighth of the steps.
    validate_every_steps: int | None = number(0, 0)
    # A phase ends after so many validations without improvement; 0: only after its steps.
    patience: int = number(0, 0)
    checkpoint_every_steps: int = number(500, 1)
    # None: all validation images.
    validation_images: int | None = number(None, 1)

    def check(self) -> None:
        """Refuses a patience without validations."""
        if self.patience and self.validate_every_steps == 0:
            raise ValueError(
                "`patience` needs `validate_every_steps` above 0. "
                f"Received: patience={self.patience}, validate_every_steps=0"
            )


@config_class
class UnaryConfig(StageConfig):
    """The unary stage: CNN and concept head are trained on Lu."""

    # Steps at the start that train the prediction layer only (Sec. 5.1; the number is ours); None:
    # by the number of training images.
    head_only_steps: int | None = number(0, 0)
    # True: in these steps, features of images without augmentation are cached (ours); False: the
    # frozen CNN reads augmented images at each step.
    head_only_cached: bool = False
    # Steps that pretrain the user-tag MLP before both predictions are summed (Sec. 4.1; the number
    # is ours).
    tag_only_steps: int = number(0, 0)
    # For `concepts.places.kind` "crops": a trainable CNN is trained on whole images; then it is
    # frozen, and the head is trained so many steps on cached features of all crops (Wu et al. 2016,
    # from memory; the number is ours).
    crop_steps: int = number(0, 0)
    # "tags" trains the user-tag MLP only (pretraining, Sec. 4.1).
    part: Literal["image", "tags", "all"] = "all"


@config_class
class RelationalConfig(StageConfig):
    """The relational stage: the decoder is trained on Lr, with the true concepts as input."""

    # A file of additional captions without images, which this stage does not need (ours): a token
    # file of lines `name#number<TAB>caption`, or JSON Lines.
    extra_captions: str | None = None
    # Whether the words of the additional captions are counted for the vocabulary too. All stages of
    # a run must agree. Concepts are those of the data set's captions.
    extra_words: bool = False

    def check(self) -> None:
        """Refuses words of additional captions without additional captions."""
        super().check()
        if self.extra_words and self.extra_captions is None:
            raise ValueError(
                "`relational.extra_words` needs `relational.extra_captions`. "
                "Received: extra_words=True, extra_captions=None"
            )


@config_class
class JointConfig(StageConfig):
    """The joint stage: all parts are trained on L = Lu + Lr (eq. 4)."""

    # Weight of Lu; eq. 4 is unweighted.
    unary_weight: float = number(1.0, 0.0)
    # Weight of Lr; eq. 4 is unweighted.
    relational_weight: float = number(1.0, 0.0)
    # Steps at the start that train the decoder only, on Lr, with frozen CNN and concept head
    # (Vinyals et al. 2016: about 500,000 before fine-tuning; You et al. 2016: all steps).
    decoder_only_steps: int = number(0, 0)
    # True: in these steps, features of images without augmentation are cached (ours); False: the
    # frozen CNN reads augmented images at each step.
    decoder_only_cached: bool = False
    # For captions: steps at the end that train the decoder alone on the CIDEr of captions that it
    # samples, on cached features (Rennie et al. 2017; the number is ours); 0: none, as in the
    # paper.
    reward_steps: int = number(0, 0)
    # Captions that are sampled per image in these steps (Luo 2020: 5).
    reward_samples: int = number(5, 2)
    # The learning rate of these steps as a multiple of `learning_rate` (ours, measured).
    reward_rate: float = number(0.02, 0.0)


@config_class
class SamplingConfig(Checked):
    """Scheduled sampling (Bengio et al. 2015): the decoder is also fed its own predictions.

    At step i of a stage, each input word but START is the true word with probability eps_i, drawn
    independently; otherwise it is sampled from the model's prediction, without gradient.
    """

    # How eps_i decreases: "linear": max(minimum, offset - decay i); "exponential": decay^i;
    # "inverse_sigmoid": decay / (decay + exp(i / decay)), as theirs on COCO; "none": eps_i is 1.
    schedule: Literal["none", "linear", "exponential", "inverse_sigmoid"] = "none"
    # None: set such that eps is `last_share` at the stage's end (ours; they state no value).
    decay: float | None = number(None, 0.0)
    # eps at the stage's end, if `decay` is None.
    last_share: float = number(0.75, 0.01, 0.99)
    # For "linear": eps at step 0.
    offset: float = number(1.0, 0.0)
    # For "linear": the lowest eps.
    minimum: float = number(0.0, 0.0, 1.0)
    # "sample": drawn from the softmax (theirs); "argmax": the most probable word.
    draw: Literal["sample", "argmax"] = "sample"

    def check(self) -> None:
        """Refuses a decay with which eps would not decrease."""
        invalid = self.decay is not None and (
            (self.schedule == "exponential" and not 0.0 < self.decay < 1.0)
            or (self.schedule == "inverse_sigmoid" and self.decay < 1.0)
        )
        if invalid:
            raise ValueError(
                "`decay` of scheduled sampling must be between 0 and 1 for 'exponential', at least "
                f"1 for 'inverse_sigmoid'. Received: decay={self.decay}, "
                f"schedule={self.schedule!r}"
            )
