"""The captioners of Table 3 on the same frozen CNN and with the same budget."""

from semreg_tf.config import ImageConfig
from semreg_tf.experiments.flickr8k_studies import RERANKED
from semreg_tf.experiments.study import Job, Study, System, jobs_of, named_by

_ENCODER = "efficientnet_lite0"
_FROZEN = (
    "precision=auto",
    "encoder.trainable=false",
    # The data set's own: m-RNN's entry has another.
    f"image.resize_ratio={ImageConfig().resize_ratio}",
    "relational.validation_images=null",
    "joint.validation_images=null",
    "joint.learning_rate=1e-3",
    "joint.schedule=cosine",
)
_ALL_STEPS = ("joint.steps=1200", "joint.validate_every_steps=400")
# 1,200 steps of 32 captions and 600 of 64 are as many captions as 1,200 of 64.
_BOTH_STAGES = (
    "relational.steps=1200",
    "relational.validate_every_steps=1200",
    "joint.steps=600",
    "joint.validate_every_steps=200",
)
_DECODER_ALONE = (
    "joint.steps=0",
    "joint.decoder_only_steps=1200",
    "joint.validate_every_steps=400",
)
# (name, experiment, fields): another system is one line.
_SYSTEMS = (
    ("Ours", "s_cnn_rnn", _BOTH_STAGES),
    ("NIC-F", "nic_f", _ALL_STEPS),
    ("m-RNN", "mrnn", _ALL_STEPS),
    ("NICv2", "nicv2", ("joint.decoder_only_steps=0", *_ALL_STEPS)),
    ("ATT", "att", _DECODER_ALONE),
    # Four crops and the whole image: 50 places would take the CNN hours.
    ("V2L", "v2l", (*_DECODER_ALONE, "unary.crop_steps=0", "concepts.places.crop_grids=[2]")),
    ("V2L, the whole image alone", "v2l_whole_image", _DECODER_ALONE),
    ("MSRCap-like", "msrcap_like", _DECODER_ALONE),
)
# Evaluations in addition to the beam's first caption.
_EVALUATIONS = {
    "Ours": (("beam 5, reranked", RERANKED),),
    "MSRCap-like": (("reranked", ("--rerank",)),),
}
# Systems whose rows in the paper are ensembles, of 15 and of 5 models.
_AVERAGED = ("NICv2", "ATT")
_MEMBERS, _SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)


def flickr8k_competitors(encoder: str = _ENCODER) -> Study:
    """Table 3's captioners; NICv2 and ATT as single models and as ensembles of five.

    Args:
      encoder: the frozen CNN, a value of `--encoder`; the study's name includes another CNN.
    """
    systems = {
        name: System(
            name,
            f"flickr8k_captions/{system}",
            (*_FROZEN, *fields),
            evaluations=_EVALUATIONS.get(name, ()),
            encoder=encoder,
        )
        for name, system, fields in _SYSTEMS
    }
    averaged = tuple(systems[name] for name in _AVERAGED)
    jobs = jobs_of(tuple(systems.values()), _SEEDS) + jobs_of(averaged, _MEMBERS[len(_SEEDS) :])
    jobs += tuple(Job(system.averaged(_MEMBERS), 0) for system in averaged)
    budget = (
        "The CNN keeps its ImageNet weights. Concepts, where a system has them, are learnt in "
        "3,400 steps of 32 images. Every decoder then reads 76,800 captions, 2.8 times each: in "
        "1,200 steps of 32 images with two captions, or, of the proposed model, in 1,200 of 32 "
        "captions on true concepts and 600 of 32 images with two. One rate for all, 1e-3 and in "
        "the joint stage falling to 0, which was searched for none. 5,500 pictures train and 500 "
        "others choose."
    )
    name = "flickr8k_competitors"
    return Study(name if encoder == _ENCODER else named_by(name, encoder), jobs, budget)
