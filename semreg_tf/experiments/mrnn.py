"""m-RNN (Mao et al., ICLR 2015), with and without the image, as changes to a caption base."""

from collections.abc import Callable
from dataclasses import replace

from semreg_tf.config import ConditioningConfig, Config, EncoderConfig
from semreg_tf.experiments.changes import with_fields

# The CNN for data sets without a frozen CNN. The published features are AlexNet's fc7 or VGG's.
_VGG = EncoderConfig(name="vgg16", trainable=False, standardise=True, feature_dropout=0.5)


def mrnn(base: Config) -> Config:
    """Embeddings of 128 and 256, a recurrent layer of 256, a multimodal layer of 512.

    The loss is the words' negative log-likelihood with a weight decay. The decay's size, and
    Keras's initialisation (U orthogonal) in place of im2txt's, were chosen on 600 training pictures
    of Flickr8k (ours).
    """
    return with_fields(
        base,
        concepts={"supervised": False},
        conditionings=(
            ConditioningConfig(kind="multimodal_output", embedding="features", width=512),
        ),
        decoder={
            "cell": "additive_rnn",
            "cells": 256,
            "word_embedding": 128,
            "second_embedding": 256,
            "activation": "relu",
            "initializer_range": None,
        },
        stages=("joint",),
        joint={"weight_decay": 1e-3},
    )


def mrnn_no_image(base: Config) -> Config:
    """RNN-base: m-RNN without the image's term in the multimodal layer."""
    with_image = mrnn(base)
    (conditioning,) = with_image.conditionings
    return with_fields(with_image, conditionings=(replace(conditioning, embedding="none"),))


def on_vgg(change: Callable[[Config], Config]) -> Callable[[Config], Config]:
    """Returns `change` with a frozen VGG in place of the base's CNN."""
    return lambda base: with_fields(change(base), encoder=_VGG)


def mrnn_systems(
    row: str, own_cnn: bool = True
) -> dict[str, tuple[str, Callable[[Config], Config]]]:
    """Returns both systems for a data set.

    Args:
      row: the row of a printed table that the model reproduces.
      own_cnn: whether the base's CNN is used; if not, a frozen VGG.
    """
    with_cnn = (lambda change: change) if own_cnn else on_vgg
    return {
        "mrnn": (row, with_cnn(mrnn)),
        "mrnn_no_image": ("m-RNN, RNN-base: no image", with_cnn(mrnn_no_image)),
    }
