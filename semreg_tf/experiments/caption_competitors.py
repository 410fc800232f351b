"""The compared systems of Table 3, as changes to a caption base."""

from typing import Any

from semreg_tf.config import (
    ConditioningConfig,
    Config,
    PlacesConfig,
    RerankingConfig,
    SamplingConfig,
)
from semreg_tf.experiments.changes import with_fields

_IMAGE_FIRST = ConditioningConfig(kind="step_zero", embedding="features")


def nicv2(base: Config) -> Config:
    """NIC v2 (Vinyals et al. 2016), Fig. 1(a): the CNN is frozen first, then fine-tuned.

    It is frozen for half of the steps, about 500,000 on COCO. Scheduled sampling follows Bengio et
    al. (2015), with their inverse sigmoid schedule for COCO. The paper's row averages 15 such
    models: give `eval.evaluate_captions` one `--workdir` for each.
    """
    return with_fields(
        base,
        concepts={"supervised": False},
        conditionings=(_IMAGE_FIRST,),
        decoder={"activation": "tanh"},
        stages=("joint",),
        joint={"decoder_only_steps": base.joint.steps},
        sampling=SamplingConfig(schedule="inverse_sigmoid"),
    )


def att(base: Config) -> Config:
    """ATT (You et al. 2016): features as a word before START, attention to the 10 likeliest words.

    Attributes are the predicted concepts, in training and at inference. The unary stage trains CNN
    and detectors; then they are frozen. The word embedding has their size, 300, but starts from
    random values (ours; theirs from GloVe). The tied output is ours; one re-implementation does not
    tie it. CNN, batch size, steps and dropout are the base's (ours; in the literature GoogLeNet,
    256 and 20 epochs). The paper's row averages 5 models.
    """
    attributes = ConditioningConfig(
        kind="attribute_attention",
        embedding="concepts",
        activation="tanh",
        width=512,
        attention_penalty=1.0,
    )
    return with_fields(
        base,
        conditionings=(_IMAGE_FIRST, attributes),
        decoder={"word_embedding": 300, "activation": "tanh", "tie_output": True},
        stages=("unary", "joint"),
        joint={"steps": 0, "decoder_only_steps": base.joint.steps},
    )


def v2l_whole_image(base: Config) -> Config:
    """V2L's ablation (Wu et al. 2016): the detector reads the whole image only."""
    return with_fields(v2l(base), concepts={"places": PlacesConfig()}, unary={"crop_steps": 0})


def v2l(base: Config) -> Config:
    """V2L (Wu et al. 2016): 256 attributes as a word before START, the decoder's only image input.

    Attributes are the most frequent nouns, verbs and adjectives, max-pooled over the image and
    crops of it. The unary stage trains CNN and detector; then they are frozen, and the decoder is
    trained on their probabilities, not on the ground truth. Sizes, dropout and beam are from
    memory. Fixed crops replace object proposals, and steps and rates are the base's (ours; theirs:
    SGD at 0.001). Their CNN is VGG16.
    """
    return with_fields(
        base,
        data={"num_concepts": 256, "concept_words": "lemmas"},
        concepts={"places": PlacesConfig(kind="crops", pooling="max")},
        conditionings=(ConditioningConfig(kind="step_zero", embedding="concepts"),),
        decoder={
            "cells": 256,
            "word_embedding": 256,
            "activation": "tanh",
            "input_dropout": 0.5,
            "output_dropout": 0.5,
        },
        decoding={"beam_width": 5},
        stages=("unary", "joint"),
        unary={"crop_steps": max(base.unary.steps // 3, base.unary.head_only_steps)},
        joint=_decoder_only(base),
    )


def msrcap_like(base: Config) -> Config:
    """Similar to MSRCap (Fang et al. 2015): a noisy-or word detector, a GRU, reranked hypotheses.

    A GRU replaces their maximum-entropy language model (ours), hence "like". It starts from the
    features (Devlin et al. 2015: MRNN, whose h0 is from memory) and reads at each step the detected
    words that the caption does not have yet. The beam's 10 captions are reranked by a linear
    combination fitted on validation pictures. Biases are initialised by the words' frequencies
    (ours; theirs all at -6.58). Their CNN is VGG16 on pictures of 565 pixels.
    """
    return with_fields(
        base,
        concepts={
            "places": PlacesConfig(kind="cells", pooling="noisy_or"),
            "initial_bias": "log_odds",
        },
        conditionings=(
            ConditioningConfig(embedding="features"),
            ConditioningConfig(kind="unsaid_concepts"),
        ),
        decoder={"cell": "gru", "activation": "tanh"},
        decoding={"beam_width": 10},
        reranking=RerankingConfig(method="linear"),
        stages=("unary", "joint"),
        joint=_decoder_only(base),
    )


def _decoder_only(base: Config) -> dict[str, Any]:
    """Returns fields of a joint stage that trains the decoder on the frozen CNN's outputs."""
    return {"steps": 0, "decoder_only_steps": base.joint.steps, "decoder_only_cached": True}


COMPETITORS = {
    "nicv2": ("Table 3: NICv2", nicv2),
    "att": ("Table 3: ATT", att),
    "v2l": ("Table 3: V2L", v2l),
    "v2l_whole_image": ("control: V2L on the whole image alone", v2l_whole_image),
    "msrcap_like": ("Table 3: MSRCap, without its maximum-entropy model", msrcap_like),
}
