"""Image captioning: the rows of Table 4, the readings of NIC, and the controls of the claim."""

from dataclasses import replace

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
from semreg_tf.experiments.mrnn import mrnn_systems
from semreg_tf.experiments.tagging import (
    FROZEN_SQUEEZENET,
    PIP_CNN,
    VIEWS_BY_SIZE,
    detached,
    fixed,
    from_scratch,
    ria,
    same,
)


def caption_base(dataset: str, encoder: EncoderConfig) -> Config:
    """The proposed captioner (Sec. 5.1): NIC v2 but for the interface."""
    return Config(
        # Sec. 5.1: 1,000 concepts, 12,000 output rows.
        data=DataConfig(
            dataset=dataset, task="captions", num_concepts=1_000, max_vocab_size=12_000
        ),
        image=ImageConfig(color_jitter=True),
        encoder=encoder,
        # Sec. 5.1: 512 cells and as wide an embedding; dropout and initialisation are im2txt's.
        decoder=DecoderConfig(
            cells=512,
            word_embedding=512,
            input_dropout=0.3,
            output_dropout=0.3,
            initializer_range=0.08,
        ),
        decoding=DecodingConfig(method="beam", beam_width=3),
        # Sec. 5.1: the prediction layer first (10,000 steps: ours), then all for 30,000.
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


def inception_base(dataset: str) -> Config:
    """Sec. 5.1: Inception v3, which im2txt trains with a weight decay and dropout of its features.

    The decay of 4e-5 is im2txt's figure as it stands; its loss is a mean over words and ours their
    sum, so the decay weighs about a tenth as much against the words here (ours).
    """
    base = caption_base(dataset, EncoderConfig("inception_v3", feature_dropout=0.2))
    return replace(
        base,
        unary=replace(base.unary, encoder_weight_decay=4e-5),
        joint=replace(base.joint, encoder_weight_decay=4e-5),
    )


def coco() -> Config:
    """Sec. 5.1."""
    return inception_base("coco_captions")


def _fewer_pairs(dataset: str, share: int) -> Config:
    """Returns COCO's base on another data set, steps divided as its pairs are fewer (ours)."""
    base = replace(coco(), data=replace(coco().data, dataset=dataset))
    unary = replace(base.unary, head_only_steps=base.unary.head_only_steps // share)
    base = replace(base, unary=unary)
    stages = {
        name: replace(
            getattr(base, name),
            steps=getattr(base, name).steps // share,
            validate_every_steps=getattr(base, name).validate_every_steps // share,
        )
        for name in ("unary", "relational", "joint")
    }
    return replace(base, **stages)


def flickr30k() -> Config:
    """Flickr30k: a quarter of COCO's 586,363 pairs."""
    return _fewer_pairs("flickr30k", 4)


def iapr_tc12() -> Config:
    """IAPR TC-12: a thirtieth of COCO's pairs."""
    return _fewer_pairs("iapr_tc12", 30)


def flickr8k() -> Config:
    """Flickr8k with a light CNN, AlexNet's equal; frozen, so each image is encoded once.

    The last 500 training pictures choose checkpoints and rates; dev alone judges. Steps and rates
    are ours: 30,000 training pairs where COCO has 586,363.
    """
    base = caption_base("flickr8k", FROZEN_SQUEEZENET)
    return replace(
        base,
        image=ImageConfig(resize_ratio=1.0, random_crop=False),
        concepts=replace(base.concepts, initial_bias="log_odds"),
        unary=replace(
            base.unary,
            steps=3_000,
            head_only_steps=0,
            learning_rate=6e-4,
            validate_every_steps=500,
        ),
        relational=replace(
            base.relational,
            steps=7_500,
            learning_rate=1e-3,
            validate_every_steps=2_500,
            validation_images=200,
        ),
        joint=replace(
            base.joint,
            steps=900,
            learning_rate=1e-3,
            schedule="cosine",
            validate_every_steps=300,
            validation_images=200,
        ),
        # Two of the five captions each time: a joint step of less than half the time.
        data=replace(
            base.data,
            train_split="train[:5500]",
            validation_split="train[5500:]",
            test_split="validation",
            captions_per_image=2,
        ),
    )


def flickr8k_tuned() -> Config:
    """Flickr8k with the CNN fine-tuned, as all systems of Table 4 are.

    Steps and rates are ours: a stage takes five to ten minutes on two cores.
    """
    base = flickr8k()
    return replace(
        base,
        encoder=replace(base.encoder, trainable=True),
        image=ImageConfig(),
        unary=replace(
            base.unary,
            head_only_steps=3_000,
            head_only_cached=True,
            steps=400,
            schedule="cosine",
            # The paper's rate for the CNN, the frozen experiment's for the head.
            learning_rate=1e-4,
            head_rate=6.0,
            validate_every_steps=200,
        ),
        relational=replace(base.relational, steps=5_000, validate_every_steps=1_250),
        joint=replace(base.joint, steps=400, validate_every_steps=100, decoder_only_cached=True),
    )


def nic_f_step_zero(base: Config) -> Config:
    """NIC-F's other reading: the paper calls it the standard NIC, Fig. 1(a)."""
    return replace(
        ria(base), conditionings=(ConditioningConfig(kind="step_zero", embedding="features"),)
    )


def nic(base: Config) -> Config:
    """NIC (Vinyals et al.), Fig. 1(a): the image as a word before START, tanh as in im2txt."""
    step_zero = nic_f_step_zero(base)
    return replace(step_zero, decoder=replace(base.decoder, activation="tanh"))


def nic_deeply(base: Config) -> Config:
    """Table 4, NIC-deeply: Lu stays, the features are the embedding."""
    return replace(
        base,
        conditionings=(ConditioningConfig(embedding="features"),),
        stages=("unary", "joint"),
    )


# Of the attention's hidden layer: the LSTM's own width (ours).
_ATTENTION = ConditioningConfig(kind="soft_attention", embedding="spatial_features", width=512)


def soft_attention(base: Config) -> Config:
    """Xu et al. 2015, soft attention: (h0, c0) by maps of the mean cell, tanh, no concepts."""
    mean_cell = ConditioningConfig(embedding="spatial_features", states="both", activation="tanh")
    return replace(
        base,
        concepts=replace(base.concepts, supervised=False),
        conditionings=(mean_cell, _ATTENTION),
        decoder=replace(base.decoder, activation="tanh"),
        stages=("joint",),
    )


def with_attention(base: Config) -> Config:
    """The proposed model whose LSTM also attends to the map.

    There is no relational stage: it has the concepts' ground truth but no map.
    """
    return replace(
        base,
        conditionings=(*base.conditionings, _ATTENTION),
        stages=("unary", "joint"),
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
    """Your own captioned pictures: a light CNN; steps by the number of pictures (`size_rule`)."""
    base = caption_base("custom", PIP_CNN)
    by_size = {"steps": None, "validate_every_steps": None}
    quick = {"validation_images": 200}
    return replace(
        base,
        image=VIEWS_BY_SIZE,
        concepts=replace(base.concepts, initial_bias="log_odds"),
        unary=replace(
            base.unary,
            **by_size,
            head_only_steps=None,
            head_only_cached=True,
            learning_rate=6e-4,
            # So that the CNN, where it trains, has 1e-4.
            encoder_rate=1 / 6,
        ),
        relational=replace(base.relational, **by_size, **quick, learning_rate=1e-3),
        joint=replace(base.joint, **by_size, **quick, learning_rate=1e-3, schedule="cosine"),
        # Two captions of a picture each time: a joint step of less than half the time.
        data=replace(base.data, captions_per_image=2),
    )


def flickr8k_frozen() -> Config:
    """Flickr8k with the frozen CNN and joint training alone, 1,800 steps: about ten minutes.

    How many steps was chosen on 600 training pictures.
    """
    base = flickr8k()
    return replace(
        base,
        joint=replace(base.joint, steps=1_800, validate_every_steps=450),
    )


def on_frozen(systems: dict) -> dict:
    """Returns systems whose features are published ones: on Flickr8k, those of the frozen CNN."""
    return {
        name: (row, lambda _, change=change: change(flickr8k_frozen()))
        for name, (row, change) in systems.items()
    }


def with_labels(base: Config) -> Config:
    """Captions and labels trained together over one CNN, each task with its head and decoder.

    The labels' decoder is that of tag experiments; stages and rates are the captioner's (ours).
    """
    return replace(base, labels=LabelsConfig())


OURS = {"s_cnn_rnn": ("the proposed model", same)}
EXPERIMENTS = {
    "coco_captions": (coco, CAPTION_SYSTEMS | mrnn_systems("Table 3: mRNN", own_cnn=False)),
    "flickr8k_captions": (
        flickr8k_tuned,
        CAPTION_SYSTEMS | on_frozen(mrnn_systems("m-RNN on Flickr8k: m-RNN (AlexNet)")),
    ),
    "flickr30k_captions": (flickr30k, OURS | mrnn_systems("m-RNN on Flickr30k", own_cnn=False)),
    "iapr_tc12_captions": (
        iapr_tc12,
        OURS | mrnn_systems("m-RNN on IAPR TC-12: m-RNN", own_cnn=False),
    ),
    "custom_captions": (
        custom,
        {"s_cnn_rnn": ("your own pictures", same), "nic_f": ("control: NIC-F, no concepts", ria)},
    ),
    "custom_both": (
        lambda: with_labels(custom()),
        {"s_cnn_rnn": ("ours: captions and labels together", same)},
    ),
}
