"""The value of captions without pictures in the relational stage, for fewer and fewer pictures."""

from dataclasses import replace

from semreg_tf.experiments.study import Study, System, jobs_of

ENCODER = "efficientnet_lite0"
# A placeholder for the file of captions; `run_study --extra_captions` sets its path.
EXTRA_CAPTIONS = "$EXTRA_CAPTIONS"
# All, a quarter and a sixteenth of the training pictures.
_PICTURES = (5_500, 1_375, 344)
_EXTRA = f"relational.extra_captions={EXTRA_CAPTIONS}"
FROZEN_CNN = ("encoder.trainable=false", "image.resize_ratio=1.0", "image.random_crop=false")
# NIC-F in the joint stage alone.
_ONE_STAGE = (*FROZEN_CNN, "joint.steps=1800", "joint.validate_every_steps=450")
_ALL_KEPT = tuple(f"{stage}.validation_images=null" for stage in ("relational", "joint"))


def _fields_of(number: int) -> tuple[str, ...]:
    return ("precision=auto", f"data.train_split=train[:{number}]", *_ALL_KEPT)


# The system that has all pictures and no more captions, and its fields.
FIRST, ALL_PICTURES = f"ours, {_PICTURES[0]:,} pictures", _fields_of(_PICTURES[0])


def _of_pictures(number: int) -> tuple[System, ...]:
    pictures = _fields_of(number)
    ours = System(f"ours, {number:,} pictures", "flickr8k_captions/s_cnn_rnn_fix", pictures)
    more = replace(
        ours,
        name=f"{ours.name}, more captions",
        overrides=(*pictures, _EXTRA),
        reused_stages=(("unary", ours.name),),
    )
    features = System(
        f"NIC-F, {number:,} pictures", "flickr8k_captions/nic_f", (*_ONE_STAGE, *pictures)
    )
    return ours, more, features


def flickr8k_words() -> Study:
    """The proposed model with and without 117,575 captions that have no pictures."""
    by_number = {number: _of_pictures(number) for number in _PICTURES}
    first, *_ = by_number[_PICTURES[0]]
    words = replace(
        first,
        name=f"{first.name}, more captions and words",
        overrides=(*first.overrides, _EXTRA, "relational.extra_words=true"),
    )
    # First all pictures, then the fewest: the ends of the curve.
    order = (_PICTURES[0], _PICTURES[-1], *_PICTURES[1:-1])
    systems = (*(system for number in order for system in by_number[number]), words)
    systems = tuple(replace(system, encoder=ENCODER) for system in systems)
    budget = (
        "The CNN rests at its ImageNet weights. 3,400 unary and 400 joint steps of 32 images, and "
        "5,000 relational steps of 32 captions on true concepts; NIC-F has 1,800 joint steps and "
        "no other stage. The first 5,500, 1,375 or 344 training pictures train; 500 others choose "
        "checkpoints. The "
        "vocabulary is counted on all training captions, for every system alike. More captions: "
        "those of the Flickr30k pictures that are not in Flickr8k."
    )
    return Study("flickr8k_words", jobs_of(systems, (0, 1, 2)), budget)
