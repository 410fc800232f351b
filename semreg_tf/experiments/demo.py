"""The demo's experiments: drawn scenes, a small CNN, minutes in place of days."""

from dataclasses import replace

from semreg_tf.config import Config, EncoderConfig, ImageConfig
from semreg_tf.experiments.captioning import CAPTION_SYSTEMS, caption_base
from semreg_tf.experiments.tagging import tag_base, tag_systems

# Steps, rates and sizes here are ours, chosen on the demo's validation split.
_ENCODER = EncoderConfig(name="small_cnn", weights=None)
_IMAGE = ImageConfig(resize_ratio=1.0, random_crop=False, random_flip=False)


def tags() -> Config:
    """The proposed model on the demo's labels."""
    base = tag_base("demo", _ENCODER, 1e-3, 46)
    return replace(
        base,
        image=_IMAGE,
        unary=replace(
            base.unary,
            optimizer="adam",
            steps=900,
            head_rate=1.0,
            weight_decay=0.0,
            validate_every_steps=150,
            patience=0,
        ),
        relational=replace(
            base.relational,
            steps=600,
            learning_rate=1e-3,
            validate_every_steps=0,
            patience=0,
        ),
        joint=replace(
            base.joint, steps=450, learning_rate=3e-4, validate_every_steps=150, patience=0
        ),
    )


def captions() -> Config:
    """The proposed model on the demo's captions."""
    base = caption_base("demo", _ENCODER)
    return replace(
        base,
        data=replace(base.data, num_concepts=100),
        image=_IMAGE,
        decoder=replace(base.decoder, word_embedding=256, input_dropout=0.1, output_dropout=0.1),
        unary=replace(
            base.unary,
            optimizer="adam",
            steps=900,
            head_only_steps=0,
            learning_rate=1e-3,
            validate_every_steps=300,
        ),
        relational=replace(base.relational, steps=900, learning_rate=1e-3, validate_every_steps=0),
        joint=replace(base.joint, steps=300, learning_rate=3e-4, validate_every_steps=150),
    )


EXPERIMENTS = {
    "demo_tags": (tags, tag_systems("demo, after Table 1")),
    "demo_captions": (captions, CAPTION_SYSTEMS),
}
