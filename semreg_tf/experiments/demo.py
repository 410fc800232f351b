"""The demo's experiments: drawn scenes and a small CNN, which train in minutes."""

from dataclasses import replace
from typing import Any

from semreg_tf.config import Config, EncoderConfig, ImageConfig
from semreg_tf.experiments.captioning import CAPTION_SYSTEMS, caption_base, with_labels
from semreg_tf.experiments.changes import with_fields
from semreg_tf.experiments.mrnn import mrnn_systems
from semreg_tf.experiments.tagging import same, side_information_systems, tag_base, tag_systems

# Steps, rates and sizes here are ours, chosen on the demo's validation split.
_ENCODER = EncoderConfig(name="small_cnn", weights=None)
_IMAGE = ImageConfig(resize_ratio=1.0, random_crop=False)


def _shortened(base: Config, unary: int, relational: int, joint: int) -> Config:
    """Returns `base` with short stages: the given steps, Adam for the CNN, cosine schedules."""
    falling: dict[str, Any] = {"schedule": "cosine", "patience": 0}
    return with_fields(
        base,
        unary={
            **falling,
            "optimizer": "adam",
            "steps": unary,
            "head_only_steps": 0,
            "learning_rate": 2e-3,
            "head_rate": 1.0,
            "weight_decay": 0.0,
            "validate_every_steps": unary // 4,
        },
        relational={
            **falling,
            "steps": relational,
            "learning_rate": 1e-3,
            "validate_every_steps": relational // 2,
            "validation_images": 100,
        },
        # The CNN is not pretrained and has the rate of the other layers. With a tenth of it, the
        # rate for a CNN from ImageNet, a plain CNN with as many steps is better.
        joint={
            **falling,
            "steps": joint,
            "optimizer": "adam",
            "learning_rate": 2e-3,
            "encoder_rate": 1.0,
            "validate_every_steps": joint // 3,
        },
    )


def tags() -> Config:
    """The proposed model on the demo's labels."""
    base = with_fields(tag_base("demo", _ENCODER, 1e-3, 46), image=_IMAGE)
    return _shortened(base, unary=480, relational=480, joint=330)


def captions() -> Config:
    """The proposed model on the demo's captions; without flips, as they name left and right."""
    base = caption_base("demo", _ENCODER)
    base = with_fields(
        base,
        # With two of the five captions per image, a joint step takes a third of the time.
        data={"num_concepts": 60, "captions_per_image": 2},
        image=replace(_IMAGE, random_flip=False),
        decoder={"word_embedding": 256, "input_dropout": 0.1, "output_dropout": 0.1},
    )
    return _shortened(base, unary=480, relational=600, joint=240)


def both() -> Config:
    """Captions and labels together, stages and rates of the captions."""
    return with_labels(captions())


EXPERIMENTS = {
    "demo_tags": (
        tags,
        tag_systems("demo, after Table 1") | side_information_systems("demo, after Table 1"),
    ),
    "demo_captions": (captions, CAPTION_SYSTEMS | mrnn_systems("demo, after m-RNN")),
    "demo_both": (both, {"s_cnn_rnn": ("ours: captions and labels together", same)}),
}
