"""Image captioning: the rows of Table 4, variants of NIC, and controls."""

from dataclasses import replace
from functools import partial

from semreg_tf.config import (
    ConditioningConfig,
    Config,
    DataConfig,
    DecoderConfig,
    DecodingConfig,
    EncoderConfig,
    ImageConfig,
    JointConfig,
    RelationalConfig,
    UnaryConfig,
)
from semreg_tf.decoder_config import LabelsConfig
from semreg_tf.experiments.caption_competitors import COMPETITORS
from semreg_tf.experiments.changes import setting, with_fields
from semreg_tf.experiments.mrnn import mrnn_systems
from semreg_tf.experiments.tagging import (
    FROZEN_SQUEEZENET,
    LONGEST_OWN_LIST,
    PIP_CNN,
    VIEWS_BY_SIZE,
    detached,
    fixed,
    from_scratch,
    ria,
    same,
)


def caption_base(dataset: str, encoder: EncoderConfig) -> Config:
    """Returns the proposed captioner (Sec. 5.1): NIC v2 except for the interface."""
    return Config(
        # Sec. 5.1: 1,000 concepts, 12,000 output rows.
        data=DataConfig(
            dataset=dataset, task="captions", num_concepts=1_000, max_vocab_size=12_000
        ),
        image=ImageConfig(color_jitter=True),
        encoder=encoder,
        # Sec. 5.1: 512 cells and an embedding of 512; dropout and initialisation are im2txt's.
        decoder=DecoderConfig(
            cells=512,
            word_embedding=512,
            input_dropout=0.3,
            output_dropout=0.3,
            initializer_range=0.08,
        ),
        decoding=DecodingConfig(method="beam", beam_width=3),
        # Sec. 5.1: first the prediction layer (10,000 steps: ours), then all for 30,000 steps.
        unary=UnaryConfig(
            steps=30_000,
            learning_rate=1e-4,
            head_only_steps=10_000,
            encoder_clip_norm=100.0,
            validate_every_steps=5_000,
        ),
        # Sec. 5.1: 1,000,000 iterations; the rate is Sec. 4.2's. Clipping is im2txt's 5.0 for a
        # mean over words, times ten words.
        relational=RelationalConfig(
            steps=1_000_000, learning_rate=1e-4, clip_norm=50.0, validate_every_steps=50_000
        ),
        # Sec. 5.1: 500,000 iterations; rates are ours.
        joint=JointConfig(
            steps=500_000,
            learning_rate=1e-4,
            encoder_rate=0.1,
            clip_norm=50.0,
            encoder_clip_norm=100.0,
            update_batch_norm=False,
            validate_every_steps=20_000,
        ),
    )


def coco() -> Config:
    """COCO with Inception v3 (Sec. 5.1), im2txt's weight decay of 4e-5 and feature dropout.

    Its loss is a mean over words and ours a sum, so that relative to the loss the decay is about a
    tenth of im2txt's (ours).
    """
    base = caption_base("coco_captions", EncoderConfig("inception_v3", feature_dropout=0.2))
    return with_fields(
        base, unary={"encoder_weight_decay": 4e-5}, joint={"encoder_weight_decay": 4e-5}
    )


def _fewer_pairs(dataset: str, share: int) -> Config:
    """Returns COCO's base on another data set, with steps divided by `share` (ours)."""
    base = with_fields(coco(), data={"dataset": dataset})
    stages = {
        name: {
            "steps": stage.steps // share,
            "validate_every_steps": stage.validate_every_steps // share,
        }
        for name in ("unary", "relational", "joint")
        for stage in [getattr(base, name)]
    }
    stages["unary"]["head_only_steps"] = base.unary.head_only_steps // share
    return with_fields(base, **stages)


def flickr8k() -> Config:
    """Flickr8k with a small frozen CNN, as accurate as AlexNet, so that images are encoded once.

    Checkpoints and rates are chosen on the last 500 training pictures; scores are on the dev split.
    Steps and rates are ours, for 30,000 training pairs (COCO has 586,363).
    """
    base = caption_base("flickr8k", FROZEN_SQUEEZENET)
    return with_fields(
        base,
        image=ImageConfig(resize_ratio=1.0, random_crop=False),
        concepts={"initial_bias": "log_odds"},
        unary={
            "steps": 3_000,
            "head_only_steps": 0,
            "learning_rate": 6e-4,
            "validate_every_steps": 500,
        },
        relational={
            "steps": 7_500,
            "learning_rate": 1e-3,
            "validate_every_steps": 2_500,
            "validation_images": 200,
        },
        joint={
            "steps": 900,
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "validate_every_steps": 300,
            "validation_images": 200,
        },
        # Two of the five captions per image halve the time of a joint step.
        data={
            "train_split": "train[:5500]",
            "validation_split": "train[5500:]",
            "test_split": "validation",
            "captions_per_image": 2,
        },
    )


def flickr8k_tuned() -> Config:
    """Flickr8k with a fine-tuned CNN, as for all systems of Table 4.

    Steps and rates are ours: a stage takes five to ten minutes on two cores.
    """
    base = flickr8k()
    return with_fields(
        base,
        encoder={"trainable": True},
        image=ImageConfig(),
        unary={
            "head_only_steps": 3_000,
            "head_only_cached": True,
            "steps": 400,
            "schedule": "cosine",
            # The paper's rate for the CNN; the head has the frozen experiment's.
            "learning_rate": 1e-4,
            "head_rate": 6.0,
            "validate_every_steps": 200,
        },
        relational={"steps": 5_000, "validate_every_steps": 1_250},
        joint={"steps": 400, "validate_every_steps": 100, "decoder_only_cached": True},
    )


def nic_f_step_zero(base: Config) -> Config:
    """Another interpretation of NIC-F: the paper calls it the standard NIC, Fig. 1(a)."""
    return with_fields(
        ria(base), conditionings=(ConditioningConfig(kind="step_zero", embedding="features"),)
    )


def nic(base: Config) -> Config:
    """NIC (Vinyals et al.), Fig. 1(a): the features as a word before START, tanh as in im2txt."""
    step_zero = nic_f_step_zero(base)
    return with_fields(step_zero, decoder={"activation": "tanh"})


def nic_deeply(base: Config) -> Config:
    """Table 4, NIC-deeply: with Lu, but the features condition the decoder."""
    return with_fields(
        base, conditionings=(ConditioningConfig(embedding="features"),), stages=("unary", "joint")
    )


# The attention's hidden layer is as wide as the LSTM (ours).
_ATTENTION = ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=512)


def soft_attention(base: Config) -> Config:
    """Xu et al. 2015, soft attention: (h0, c0) from the mean feature cell, tanh, no concepts."""
    mean_cell = ConditioningConfig(embedding="spatial_features", states="both", activation="tanh")
    return with_fields(
        base,
        concepts={"supervised": False},
        conditionings=(mean_cell, _ATTENTION),
        decoder={"activation": "tanh"},
        stages=("joint",),
    )


def with_attention(base: Config) -> Config:
    """The proposed model with attention to the spatial features.

    There is no relational stage, since it has no image to attend to.
    """
    return with_fields(
        base, conditionings=(*base.conditionings, _ATTENTION), stages=("unary", "joint")
    )


CAPTION_SYSTEMS = {
    "nic": ("NIC, Fig. 1(a)", nic),
    "nic_f": ("Table 4: NIC-F", ria),
    "nic_f_step_zero": ("Table 4: NIC-F, Fig. 1(a)", nic_f_step_zero),
    "nic_deeply": ("Table 4: NIC-deeply", nic_deeply),
    "s_cnn_rnn": ("Table 4: Ours", same),
    "s_cnn_rnn_detached": ("control: gradient of Lr cut", detached),
    "s_cnn_rnn_from_scratch": ("control: no pretraining", from_scratch),
    "s_cnn_rnn_fix": ("control: the CNN frozen", fixed),
    "s_cnn_rnn_attention": ("ours: attention beside the concepts", with_attention),
    "soft_attention": ("Xu et al. 2015: soft attention", soft_attention),
    **COMPETITORS,
}


def custom() -> Config:
    """A user's captioned pictures: a small CNN; steps by the number of pictures (`size_rule`)."""
    base = caption_base("custom", PIP_CNN)
    by_size = {"steps": None, "validate_every_steps": None}
    quick = {"validation_images": 200}
    return with_fields(
        base,
        image=VIEWS_BY_SIZE,
        concepts={"initial_bias": "log_odds"},
        unary={
            **by_size,
            "head_only_steps": None,
            "head_only_cached": True,
            "learning_rate": 6e-4,
            # The CNN, if it is trained, has 1e-4.
            "encoder_rate": 1 / 6,
        },
        relational={**by_size, **quick, "learning_rate": 1e-3},
        joint={**by_size, **quick, "learning_rate": 1e-3, "schedule": "cosine"},
        # Two captions per picture halve the time of a joint step.
        data={"captions_per_image": 2},
    )


def flickr8k_frozen() -> Config:
    """Flickr8k with the frozen CNN and only joint training, 1,800 steps: about ten minutes.

    The number of steps was chosen on 600 training pictures.
    """
    base = flickr8k()
    return with_fields(base, joint={"steps": 1_800, "validate_every_steps": 450})


def on_frozen(systems: dict) -> dict:
    """Returns systems of fixed published features with the features of Flickr8k's frozen CNN."""
    return {
        name: (row, lambda _, change=change: change(flickr8k_frozen()))
        for name, (row, change) in systems.items()
    }


# Captions and labels trained together over one CNN, each task with its head and decoder. The
# labels' decoder is that of tag experiments; stages and rates are the captioner's (ours).
with_labels = setting(labels=LabelsConfig())


def custom_both() -> Config:
    """A user's pictures with captions and labels; those that lack one of them train neither."""
    decoding = replace(LabelsConfig().decoding, max_steps=LONGEST_OWN_LIST)
    return with_fields(
        custom(),
        labels=LabelsConfig(decoding=decoding),
        data={"without_labels": "unknown"},
    )


OURS = {"s_cnn_rnn": ("the proposed model", same)}
EXPERIMENTS = {
    "coco_captions": (coco, CAPTION_SYSTEMS | mrnn_systems("Table 3: mRNN", own_cnn=False)),
    "flickr8k_captions": (
        flickr8k_tuned,
        CAPTION_SYSTEMS | on_frozen(mrnn_systems("m-RNN on Flickr8k: m-RNN (AlexNet)")),
    ),
    # A quarter of COCO's 586,363 pairs.
    "flickr30k_captions": (
        partial(_fewer_pairs, "flickr30k", 4),
        OURS | mrnn_systems("m-RNN on Flickr30k", own_cnn=False),
    ),
    # A thirtieth of them.
    "iapr_tc12_captions": (
        partial(_fewer_pairs, "iapr_tc12", 30),
        OURS | mrnn_systems("m-RNN on IAPR TC-12: m-RNN", own_cnn=False),
    ),
    "custom_captions": (
        custom,
        {"s_cnn_rnn": ("your own pictures", same), "nic_f": ("control: NIC-F, no concepts", ria)},
    ),
    "custom_both": (
        custom_both,
        {"s_cnn_rnn": ("ours: captions and labels together", same)},
    ),
}
