"""The search of the relational and the joint stage's rates, on one frozen CNN."""

from dataclasses import replace

from semreg_tf.experiments.study import Study, System, jobs_of
from semreg_tf.experiments.words_study import ALL_PICTURES, ENCODER, FIRST, FROZEN_CNN

_RATES = ("2.5e-4", "5e-4", "1e-3", "2e-3")
_RELATIONAL_RATES = ("5e-4", "2e-3")
# The experiments' rate of both stages, with which the rates of the other stage are compared.
_USUAL = "1e-3"
_ON_VALIDATION_PICTURES = ("data.test_split=train[5500:]", "data.purpose=search")
_OURS = System(
    "ours", "flickr8k_captions/s_cnn_rnn_fix", ALL_PICTURES, reused_stages=(("unary", FIRST),)
)
_NIC_F = System(
    "NIC-F",
    "flickr8k_captions/nic_f",
    ('stages=["relational", "joint"]', "joint.steps=800", *FROZEN_CNN, *ALL_PICTURES),
)
# One stage on the frozen CNN.
_MRNN = System("m-RNN", "flickr8k_captions/mrnn", ALL_PICTURES)


def _at(system: System, relational: str, joint: str) -> System:
    rates = (f"relational.learning_rate={relational}", f"joint.learning_rate={joint}")
    return replace(
        system,
        name=_name(system, relational, joint),
        overrides=(*system.overrides, *rates, *_ON_VALIDATION_PICTURES),
        encoder=ENCODER,
    )


def _name(system: System, relational: str, joint: str) -> str:
    one_stage = system.config().stages == ("joint",)
    rates = f"joint {joint}" if one_stage else f"relational {relational}, joint {joint}"
    return f"{system.name}, {rates}"


def _of_two_stages(system: System) -> tuple[System, ...]:
    """Returns a system at every rate of one stage, the other's being the usual."""
    usual = _at(system, _USUAL, _USUAL)
    joint = (
        replace(
            _at(system, _USUAL, rate),
            reused_stages=(*system.reused_stages, ("relational", usual.name)),
        )
        for rate in _RATES
        if rate != _USUAL
    )
    return (usual, *joint, *(_at(system, rate, _USUAL) for rate in _RELATIONAL_RATES))


def flickr8k_rates_search() -> Study:
    """The rates of both stages that train a decoder, searched alike for three systems."""
    budget = (
        "The CNN rests at its ImageNet weights. The joint stage's rate at a relational rate of "
        "1e-3, then the relational stage's rate at a joint rate of 1e-3; seed 0. Ours has the "
        f"unary stage of {FIRST!r} of the study flickr8k_words, 5,000 relational and 400 joint "
        "steps, NIC-F 5,000 and 800, m-RNN 1,800 joint ones. 5,500 pictures train; scores are on "
        "the 500 training pictures that choose checkpoints."
    )
    one_stage = (_at(_MRNN, _USUAL, rate) for rate in _RATES)
    systems = (*_of_two_stages(_OURS), *_of_two_stages(_NIC_F), *one_stage)
    return Study("flickr8k_rates_search", jobs_of(systems, (0,)), budget, after="flickr8k_words")
