"""Studies of the paper's claims: systems, budgets and seeds.

A study is an ordered list of jobs; `train/run_study.py` runs the jobs that have no record yet.
"""

from collections.abc import Callable

from semreg_tf.experiments.competitors_study import flickr8k_competitors
from semreg_tf.experiments.corel5k_studies import corel5k, corel5k_search
from semreg_tf.experiments.flickr8k_studies import flickr8k, flickr8k_search, flickr8k_tags
from semreg_tf.experiments.rates_study import flickr8k_rates_search
from semreg_tf.experiments.recipes_study import flickr8k_recipes
from semreg_tf.experiments.study import BOTH, UNARY, Job, Study, System, jobs_of
from semreg_tf.experiments.words_study import flickr8k_words

__all__ = ["STUDIES", "Job", "Study", "System", "get", "system_that_trains"]


# Systems of one stage have as many steps on images as the unary and joint stages of the proposed
# model together. Each system's joint rate was chosen from 1e-3, 2e-3 and 4e-3 (the proposed
# model's from 5e-4, 1e-3 and 2e-3) on the validation split, seed 0.
def _one_stage(steps: int, rate: str) -> tuple[str, ...]:
    return (
        f"joint.steps={steps}",
        f"joint.learning_rate={rate}",
        f"joint.validate_every_steps={steps // 3}",
    )


_CNN_ALONE = ("unary.steps=810", "unary.validate_every_steps=270")
_SHARED = (("unary", "ours"), ("relational", "ours"))
_CAPTIONS_SHARED = (("unary", "captions, ours"), ("relational", "captions, ours"))
_DEMO = (
    System("ours", "demo_tags/s_cnn_rnn"),
    System("detached", "demo_tags/s_cnn_rnn_detached", reused_stages=_SHARED),
    System("CNN", "demo_tags/cnn_logistic", _CNN_ALONE),
    System("RIA", "demo_tags/ria", _one_stage(810, "2e-3")),
    System("from scratch", "demo_tags/s_cnn_rnn_from_scratch", _one_stage(810, "4e-3")),
    System("ours + Tag1K", "demo_tags/s_cnn_rnn_tag1k", reused_stages=_SHARED[1:]),
    System("CNN + tag1k", "demo_tags/cnn_logistic_tag1k", _CNN_ALONE),
    System("captions, ours", "demo_captions/s_cnn_rnn"),
    System(
        "captions, detached", "demo_captions/s_cnn_rnn_detached", reused_stages=_CAPTIONS_SHARED
    ),
    System("captions, NIC-F", "demo_captions/nic_f", _one_stage(720, "2e-3")),
    System(
        "captions, NIC-deeply",
        "demo_captions/nic_deeply",
        ('stages=["unary", "relational", "joint"]',),
        reused_stages=_CAPTIONS_SHARED[:1],
    ),
    System("captions and tags", "demo_both/s_cnn_rnn"),
)


def demo() -> Study:
    """The drawn scenes: three seeds of every system, minutes each."""
    budget = (
        "Every system has the same number of steps on images: 480 unary and 330 joint, or 810 in "
        "its one stage (captions, alone or with tags, 480 and 240, or 720). A relational stage, "
        "which sees no image (NIC-deeply: cached features), is as long for all that have one."
    )
    return Study("demo", jobs_of(_DEMO, (0, 1, 2)), budget)


# Another head on the frozen CNN of our model, trained for as many steps as the joint stage. Its
# rate is the best of 1e-3, 2e-3, ... 3.2e-2 on the validation split, seed 0.
def _on_our_cnn(name: str, system: str, rate: str) -> System:
    overrides = (
        "unary.steps=330",
        "unary.validate_every_steps=110",
        f"unary.learning_rate={rate}",
    )
    return System(name, f"demo_tags/{system}", overrides, starts_from=("unary", "ours"))


_OURS, _CNN, _OURS_TAGS = (
    next(system for system in _DEMO if system.name == name)
    for name in ("ours", "CNN", "ours + Tag1K")
)
_DEMO_COMPETITORS = (
    _OURS,
    _CNN,
    _OURS_TAGS,
    _on_our_cnn("TagNeighbour", "tag_neighbours", "2e-3"),
    _on_our_cnn("TagNeighbour, neighbours alone", "tag_neighbours_alone", "4e-3"),
    _on_our_cnn("SINN", "sinn", "1.6e-2"),
    _on_our_cnn("SINN, no groups", "sinn_no_groups", "3.2e-2"),
    _on_our_cnn("BINN", "binn", "1.6e-2"),
    _on_our_cnn("BINN, no groups", "binn_no_groups", "1.6e-2"),
)


def demo_competitors() -> Study:
    """The drawn scenes: Table 1's systems that read user tags, three seeds of each."""
    budget = (
        "Every system has 810 steps of 32 images: 480 unary and 330 joint, 810 of the CNN alone, "
        "or the 480 unary steps of ours and, on the frozen CNN that came of them, 330 of another "
        "head, which starts from nothing. Tag1K has 600 steps of its perceptron on user tags alone "
        "besides, and the relational stage 480, which sees no image."
    )
    return Study("demo_competitors", jobs_of(_DEMO_COMPETITORS, (0, 1, 2)), budget)


# A small frozen CNN in place of VGG16, and hundreds of steps in place of epochs of 82,783 pictures.
_COCO128 = (
    "encoder.name=squeezenet_v1_1",
    "encoder.trainable=false",
    "encoder.pooling=average_max",
    "encoder.standardise=true",
    "image.random_crop=false",
)


def _fitting(stage: str, steps: int) -> tuple[str, ...]:
    return (
        f"{stage}.steps={steps}",
        f"{stage}.optimizer=rmsprop",
        f"{stage}.learning_rate=1e-3",
        f"{stage}.head_rate=1",
        f"{stage}.weight_decay=0",
        f"{stage}.schedule=cosine",
        f"{stage}.validate_every_steps={steps // 4}",
        f"{stage}.patience=0",
    )


def _coco128_system(name: str, system: str, *stages: str, **fields) -> System:
    steps = 400 if len(stages) > 1 else 800
    overrides = tuple(o for stage in stages for o in _fitting(stage, steps))
    return System(name, f"coco128_tags/{system}", _COCO128 + overrides, **fields)


_THREE = ("unary", "relational", "joint")
_COCO128_SYSTEMS = (
    _coco128_system("ours", "s_cnn_rnn", *_THREE),
    _coco128_system(
        "ours, frequent first", "s_cnn_rnn_frequent_first", *_THREE, reused_stages=UNARY
    ),
    _coco128_system("ours, detached", "s_cnn_rnn_detached", *_THREE, reused_stages=BOTH),
    _coco128_system("ours, from scratch", "s_cnn_rnn_from_scratch", "joint"),
    _coco128_system("RIA", "ria", "joint"),
    _coco128_system("CNN-RNN", "cnn_rnn", "joint"),
    _coco128_system("CNN, logistic", "cnn_logistic", "unary"),
    _coco128_system("CNN, softmax", "cnn_softmax", "unary"),
    _coco128_system("CNN, WARP", "cnn_warp", "unary"),
)


def coco128() -> Study:
    """126 pictures of COCO with their objects: whether every system fits what it is shown."""
    budget = (
        "Trained and judged on the same 126 pictures: this says that the stages fit real pictures "
        "of many labels, and nothing of other pictures. The CNN is frozen; every stage has 400 "
        "steps of 32 images, or of 32 label lists, and systems of one stage have 800."
    )
    return Study("coco128", jobs_of(_COCO128_SYSTEMS, (0,)), budget)


STUDIES: dict[str, Callable[[], Study]] = {
    "demo": demo,
    "demo_competitors": demo_competitors,
    "coco128": coco128,
    "corel5k": corel5k,
    "corel5k_search": corel5k_search,
    "flickr8k": flickr8k,
    "flickr8k_competitors": flickr8k_competitors,
    "flickr8k_rates_search": flickr8k_rates_search,
    "flickr8k_recipes": flickr8k_recipes,
    "flickr8k_search": flickr8k_search,
    "flickr8k_tags": flickr8k_tags,
    "flickr8k_words": flickr8k_words,
}


# Studies that can use another CNN.
ENCODER_STUDIES: dict[str, Callable[[str], Study]] = {
    "flickr8k": flickr8k,
    "flickr8k_competitors": flickr8k_competitors,
    "flickr8k_search": flickr8k_search,
}


def get(name: str, encoder: str | None = None) -> Study:
    """Returns a study.

    Args:
      name: the study's name.
      encoder: another CNN, `NAME[:POOLING]`, which becomes part of the study's name; None: the
        study's CNN.

    Raises:
      ValueError: the study is unknown (the error lists the known ones), or cannot use another CNN.

    Example:
      >>> get("flickr8k", "efficientnet_lite0").name
      'flickr8k_lite0'
    """
    if name not in STUDIES:
        raise ValueError(f"`study` must be one of {', '.join(STUDIES)}. Received: study={name!r}")
    if encoder is None:
        return STUDIES[name]()
    if name not in ENCODER_STUDIES:
        raise ValueError(
            f"`encoder` may be given only for the studies {', '.join(ENCODER_STUDIES)}. "
            f"Received: encoder={encoder!r}, study={name!r}"
        )
    return ENCODER_STUDIES[name](encoder)


def system_that_trains(study: Study, stage: str, system: str, encoder: str | None = None) -> str:
    """Returns the system that trains a stage: the given one, or the one whose stage it reuses.

    Args:
      study: a study.
      stage: "unary", "relational" or "joint".
      system: a system of the study, or of the one that it continues.
      encoder: as for `get`.
    """
    known = {job.system.name: job.system for job in (*_before(study, encoder), *study.jobs)}
    seen = []
    while system in known and system not in seen:
        seen.append(system)
        system = dict(known[system].reused_stages).get(stage, system)
    return system


def _before(study: Study, encoder: str | None) -> tuple[Job, ...]:
    """Returns the jobs of the study that must run first."""
    if study.after is None:
        return ()
    if study.after in STUDIES:
        return get(study.after).jobs
    others = (make(encoder) for make in ENCODER_STUDIES.values() if encoder is not None)
    return next((other.jobs for other in others if other.name == study.after), ())
