"""The studies on Flickr8k's photographs."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from semreg_tf.experiments.study import BOTH, UNARY, Study, System, jobs_of, named_by

# bfloat16 if the machine is faster with it, two to three times with bfloat16 instructions; a run's
# config records the number format.
_FAST = ("precision=auto",)
# The best of the searched rates (`flickr8k_search`); the proposed model and its controls have 1e-3.
_RATE = "joint.learning_rate="
_HALF_RATE = f"{_RATE}5e-4"
_WITHOUT_UNARY = ("joint.steps=800", "joint.validate_every_steps=100")
_THREE_STAGES = 'stages=["unary", "relational", "joint"]'
_TWO_STAGES = 'stages=["relational", "joint"]'
_BEAMS = tuple((f"beam {n}", (f"--config.decoding.beam_width={n}",)) for n in (1, 5, 10))
_TRUE = (("true concepts", ("--true_concepts",)),)
# Flags of the evaluation binary, for other studies too.
TWO_VIEWS = "--config.image.test_views=2"
RERANKED = ("--rerank", "--config.reranking.hypotheses=5", "--config.decoding.beam_width=5")


def _system(name: str, system: str, *overrides: str, **fields) -> System:
    return System(name, f"flickr8k_captions/{system}", (*_FAST, *overrides), **fields)


_FLICKR8K = (
    _system("ours", "s_cnn_rnn", evaluations=_BEAMS + _TRUE),
    _system("NIC-deeply", "nic_deeply", _THREE_STAGES, _HALF_RATE, reused_stages=UNARY),
    _system("NIC-F", "nic_f", _TWO_STAGES, *_WITHOUT_UNARY, _HALF_RATE),
    _system("detached", "s_cnn_rnn_detached", reused_stages=BOTH),
    _system("from scratch", "s_cnn_rnn_from_scratch", *_WITHOUT_UNARY),
    _system("ours, frozen CNN", "s_cnn_rnn_fix", reused_stages=BOTH[1:]),
)
# As many joint steps for the decoder as NIC-F's has, and 400 more on images.
_LONGER = "joint.steps=800"
_FLICKR8K_LONGER = (
    _system("ours, 800 joint steps", "s_cnn_rnn", _LONGER, reused_stages=BOTH),
    _system("detached, 800 joint steps", "s_cnn_rnn_detached", _LONGER, reused_stages=BOTH),
    _system(
        "ours, frozen CNN, 800 joint steps",
        "s_cnn_rnn_fix",
        _LONGER,
        reused_stages=(("unary", "ours, frozen CNN"), *BOTH[1:]),
    ),
    _system(
        "NIC-deeply, 800 joint steps",
        "nic_deeply",
        _THREE_STAGES,
        _LONGER,
        _HALF_RATE,
        reused_stages=(*UNARY, ("relational", "NIC-deeply")),
    ),
)
_HIDDEN_LAYER = "concepts.hidden_units=2048"
_FLICKR8K_ONCE = (
    _system("NIC-F, step zero", "nic_f_step_zero", _TWO_STAGES, *_WITHOUT_UNARY, _HALF_RATE),
    # One step at rate zero leaves the models of the earlier stages unchanged.
    _system(
        "ours, no joint training", "s_cnn_rnn", "joint.steps=1", f"{_RATE}0", reused_stages=BOTH
    ),
    # As many steps on images as the systems of 800 joint steps after their 400 unary ones.
    _system(
        "NIC-F, 1,200 joint steps",
        "nic_f",
        _TWO_STAGES,
        "joint.steps=1200",
        _HALF_RATE,
        reused_stages=(("relational", "NIC-F"),),
    ),
    _system(
        "ours, 1,600 joint steps",
        "s_cnn_rnn",
        "joint.steps=1600",
        "joint.validate_every_steps=200",
        reused_stages=BOTH,
    ),
    _system("ours, tanh", "s_cnn_rnn", "decoder.activation=tanh", reused_stages=UNARY),
    _system("ours, both states", "s_cnn_rnn", "conditionings.0.states=both", reused_stages=UNARY),
    *(
        _system(f"ours, {number:,} concepts", "s_cnn_rnn", f"data.num_concepts={number}")
        for number in (100, 300, 2_000)
    ),
    _system("ours, hidden layer", "s_cnn_rnn", _HIDDEN_LAYER, reused_stages=BOTH[1:]),
    _system("m-RNN", "mrnn"),
    # Tests of explanations in RESULTS.md.
    _system(
        "ours, biases at zero", "s_cnn_rnn", "concepts.initial_bias=zeros", reused_stages=BOTH[1:]
    ),
    _system(
        "ours, hidden layer, frozen CNN", "s_cnn_rnn_fix", _HIDDEN_LAYER, reused_stages=BOTH[1:]
    ),
    # m-RNN's setting: one stage on a frozen CNN.
    _system(
        "NIC-F, frozen CNN, one stage",
        "nic_f",
        "encoder.trainable=false",
        "image.resize_ratio=1.0",
        "image.random_crop=false",
        "joint.steps=1800",
        "joint.validate_every_steps=450",
    ),
    _system(
        "NIC-F, falling relational rate",
        "nic_f",
        _TWO_STAGES,
        "relational.schedule=cosine",
        *_WITHOUT_UNARY,
        _HALF_RATE,
    ),
)
# The statistics of batch normalisation, which SqueezeNet does not have, stay ImageNet's.
_FIXED_STATISTICS = tuple(f"{stage}.update_batch_norm=false" for stage in ("unary", "joint"))
_OURS_FIXED = _system(
    "ours, fixed statistics",
    "s_cnn_rnn",
    *_FIXED_STATISTICS,
    reused_stages=BOTH[1:],
    evaluations=_TRUE,
)
_ANOTHER_CNN_ONCE = (
    _system("soft attention", "soft_attention", *_WITHOUT_UNARY, _HALF_RATE),
    _OURS_FIXED,
    _system(
        "NIC-deeply, fixed statistics",
        "nic_deeply",
        'stages=["unary", "relational", "joint"]',
        *_FIXED_STATISTICS,
        _HALF_RATE,
        reused_stages=(("unary", _OURS_FIXED.name),),
    ),
    _system(
        "NIC-F, fixed statistics",
        "nic_f",
        'stages=["relational", "joint"]',
        *_WITHOUT_UNARY,
        *_FIXED_STATISTICS,
        _HALF_RATE,
        reused_stages=(("relational", "NIC-F"),),
    ),
)
# The decoder alone, on captions that it samples, after the training of "ours".
_REWARDED = _system(
    "ours, 200 reward steps",
    "s_cnn_rnn",
    'stages=["joint"]',
    "joint.steps=0",
    "joint.reward_steps=200",
    "joint.validate_every_steps=50",
    starts_from=("joint", "ours"),
    evaluations=(
        _BEAMS[1],
        ("beam 5, reranked", RERANKED),
        ("two views, beam 5, reranked", (TWO_VIEWS, *RERANKED)),
    ),
)


_BUDGET = (
    "Every system trains on 5,500 pictures; 500 more of the training split choose its "
    "checkpoint. The CNN is fine-tuned in 800 steps of 32 images: 400 unary and 400 joint, "
    "or 800 joint without a unary stage; rows named by their joint steps have more. Before "
    "the unary stage's fine-tuning the head learns 3,000 steps from cached features. The "
    "relational stage has 5,000 steps of 32 captions, on true concepts or on cached features."
)


def flickr8k(encoder: str | None = None) -> Study:
    """The paper's claim on photographs: Table 4's systems, the controls, then single changes.

    Args:
      encoder: another CNN, a value of `--encoder`, for a study named by it with Table 4's systems,
        the controls, and some systems once; None: the experiments' CNN.
    """
    if encoder is not None:
        return _flickr8k_with_cnn(encoder)
    # Other beams and the true concepts only for the first seed: they cost as much as a stage.
    jobs = jobs_of(_FLICKR8K, (0,)) + jobs_of(_plain(_FLICKR8K), (1, 2))
    jobs += jobs_of(_FLICKR8K_LONGER, (0, 1, 2)) + jobs_of(_FLICKR8K_ONCE, (0,))
    return Study("flickr8k", jobs, _BUDGET)


def _plain(systems: tuple[System, ...]) -> tuple[System, ...]:
    return tuple(replace(system, evaluations=()) for system in systems)


# Checkpoints are chosen on all 500 pictures: 200 are too few.
_ALL_VALIDATION_IMAGES = tuple(
    f"{stage}.validation_images=null" for stage in ("relational", "joint")
)


def _with_cnn(encoder: str, system: System) -> System:
    overrides = (*system.overrides, *_ALL_VALIDATION_IMAGES)
    return replace(system, overrides=overrides, encoder=encoder)


def _flickr8k_with_cnn(encoder: str) -> Study:
    others = (*_FLICKR8K_ONCE, *_ANOTHER_CNN_ONCE, _REWARDED)
    systems = {s.name: _with_cnn(encoder, s) for s in (*_FLICKR8K, *others)}
    names = ("from scratch", "m-RNN", *(s.name for s in _ANOTHER_CNN_ONCE))
    once = tuple(systems[name] for name in names)
    main = tuple(systems[s.name] for s in _FLICKR8K if s.name != "from scratch")
    jobs = jobs_of(main, (0,)) + jobs_of(once, (0,)) + jobs_of(_plain(main), (1, 2))
    jobs += jobs_of((systems[_REWARDED.name],), (0, 1, 2))
    budget = f"{_BUDGET} The CNN is `{encoder}`; all 500 pictures choose, in every stage."
    return Study(named_by("flickr8k", encoder), jobs, budget)


# A search compares settings on the validation pictures.
_ON_VALIDATION_PICTURES = ("data.test_split=train[5500:]", "data.purpose=search")
_SEARCHED_RATES = ("2.5e-4", "5e-4", "1e-3", "2e-3")


def _searched(system: System) -> tuple[System, ...]:
    """Returns a system at the joint rates that were not chosen, scored on validation pictures."""
    chosen = [o.removeprefix(_RATE) for o in system.overrides if o.startswith(_RATE)]
    owners = dict.fromkeys(("unary", "relational"), system.name) | dict(system.reused_stages)
    stages = [stage for stage in owners if stage in system.config().stages]
    others = [o for o in system.overrides if not o.startswith(_RATE)]
    return tuple(
        replace(
            system,
            name=f"{system.name}, joint rate {rate}",
            overrides=(*others, f"{_RATE}{rate}", *_ON_VALIDATION_PICTURES),
            reused_stages=tuple((stage, owners[stage]) for stage in stages),
            evaluations=(),
        )
        for rate in _SEARCHED_RATES
        if rate not in (chosen or ["1e-3"])
    )


def flickr8k_search(encoder: str | None = None) -> Study:
    """The search of the joint stage's rate, the same for all systems of Table 4.

    Args:
      encoder: as for `flickr8k`.
    """
    budget = (
        "Four rates of the joint stage, 2.5e-4 to 2e-3, for each of Table 4's systems, seed "
        "0; the one that is missing here is the main study's. Scores are on the 500 training "
        "pictures that choose checkpoints."
    )
    systems: Sequence[System] = _FLICKR8K[:3]
    name, after = "flickr8k_search", "flickr8k"
    if encoder is not None:
        systems = tuple(_with_cnn(encoder, system) for system in systems)
        name, after = named_by(name, encoder), named_by(after, encoder)
    searched = tuple(itertools.chain(*map(_searched, systems)))
    return Study(name, jobs_of(searched, (0,)), budget, after=after)


def _concept_systems(number: int) -> tuple[System, ...]:
    concepts = f"data.num_concepts={number}"
    ours = f"{number:,} concepts, ours"
    unary = (("unary", ours),)
    return (
        System(ours, "flickr8k_tags/s_cnn_rnn", (concepts,)),
        System(
            f"{number:,} concepts, frequent first",
            "flickr8k_tags/s_cnn_rnn_frequent_first",
            (concepts,),
            reused_stages=unary,
        ),
        System(
            f"{number:,} concepts, CNN",
            "flickr8k_tags/cnn_logistic",
            (concepts, "unary.steps=4000"),
        ),
    )


def flickr8k_tags() -> Study:
    """Flickr8k's concepts as labels: the proposed model and the plain CNN."""
    budget = (
        "The CNN is frozen. 3,000 unary and 1,000 joint steps of 32 images, or 4,000 unary ones "
        "for the CNN alone; 2,000 relational steps, which see no image."
    )
    systems = _concept_systems(100) + _concept_systems(1_000)
    return Study("flickr8k_tags", jobs_of(systems, (0, 1, 2)), budget)
