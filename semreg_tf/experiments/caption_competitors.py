"""Systems that Table 3 compares with, as changes to a caption base."""

from dataclasses import replace

from semreg_tf.config import ConditioningConfig, Config, SamplingConfig

_IMAGE_FIRST = ConditioningConfig(kind="step_zero", embedding="features")


def nicv2(base: Config) -> Config:
    """NIC v2 (Vinyals et al. 2016), Fig. 1(a): the CNN rests before it is fine-tuned.

    Half of the steps rest it: about 500,000 on COCO. Scheduled sampling is by Bengio et al. (2015),
    inverse sigmoid as theirs on COCO. The paper's row averages 15 such models: give
    `eval.evaluate_captions` one `--workdir` for each.
    """
    return replace(
        base,
        concepts=replace(base.concepts, supervised=False),
        conditionings=(_IMAGE_FIRST,),
        decoder=replace(base.decoder, activation="tanh"),
        stages=("joint",),
        joint=replace(base.joint, decoder_only_steps=base.joint.steps),
        sampling=SamplingConfig(schedule="inverse_sigmoid"),
    )


def att(base: Config) -> Config:
    """ATT (You et al. 2016): features as a word before START, attention to the 10 likeliest words.

    Attributes are the concepts that the model predicts, in training and after. The unary stage
    trains CNN and detectors; then they rest. An embedding of 300 is theirs, which began at GloVe's
    vectors (here at random, ours); the tied output is ours, one re-implementation unties it. The
    paper's row averages 5 models.
    """
    attributes = ConditioningConfig(
        kind="attribute_attention",
        embedding="concepts",
        activation="tanh",
        width=512,
        attention_penalty=1.0,
    )
    return replace(
        base,
        conditionings=(_IMAGE_FIRST, attributes),
        decoder=replace(base.decoder, word_embedding=300, activation="tanh", tie_output=True),
        stages=("unary", "joint"),
        joint=replace(base.joint, steps=0, decoder_only_steps=base.joint.steps),
    )


COMPETITORS = {
    "nicv2": ("Table 3: NICv2", nicv2),
    "att": ("Table 3: ATT", att),
}
