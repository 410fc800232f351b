"""What makes captions better: single changes of the recipe, on one frozen CNN."""

from semreg_tf.experiments.flickr8k_studies import RERANKED, TWO_VIEWS
from semreg_tf.experiments.study import Study, System, jobs_of
from semreg_tf.experiments.words_study import ALL_PICTURES, ENCODER, FIRST

_FROM_FIRST = (("unary", FIRST), ("relational", FIRST))
_LONGER = ("joint.steps=800", "joint.validate_every_steps=200")
_LONGEST = ("joint.steps=1600", "joint.validate_every_steps=400")
_SMOOTHED = "decoder.label_smoothing=0.1"
_DROPPED = "decoder.concept_dropout=0.1"
_REWARDED = "concept dropout .1, 200 reward steps"
_TOGETHER = "smoothing, 1,600 joint steps, averaged weights, two views"
# By the recipe's name.
_EVALUATIONS = {
    "800 joint steps": (
        ("beam 5", ("--config.decoding.beam_width=5",)),
        ("beam 5, reranked", RERANKED),
        ("true concepts", ("--true_concepts",)),
    ),
    _TOGETHER: (("beam 5, reranked", RERANKED),),
    _REWARDED: (
        ("beam 5, reranked", RERANKED),
        ("two views", (TWO_VIEWS,)),
        ("two views, beam 5, reranked", (TWO_VIEWS, *RERANKED)),
    ),
    "two views": (("one view", ("--config.image.test_views=1",)),),
}
# (name, fields, stages that it takes, flags of its encoder): another recipe is one line.
_RECIPES = (
    ("800 joint steps", _LONGER, _FROM_FIRST, ""),
    ("1,600 joint steps", _LONGEST, _FROM_FIRST, ""),
    ("average and maximum pooling", _LONGER, _FROM_FIRST[1:], ":average_max"),
    (
        "noisy-or over cells",
        (*_LONGER, "concepts.places.kind=cells", "concepts.places.pooling=noisy_or"),
        _FROM_FIRST[1:],
        "",
    ),
    ("label smoothing .1", (*_LONGER, _SMOOTHED), _FROM_FIRST[:1], ""),
    ("scheduled sampling", (*_LONGER, "sampling.schedule=inverse_sigmoid"), _FROM_FIRST[:1], ""),
    ("two views", (*_LONGER, "image.test_views=2"), _FROM_FIRST[1:], ""),
    ("averaged weights", (*_LONGER, "joint.average_decay=0.995"), _FROM_FIRST, ""),
    ("concept dropout .1", (*_LONGER, _DROPPED), _FROM_FIRST[:1], ""),
    (
        _REWARDED,
        (*_LONGER, _DROPPED, "joint.reward_steps=200"),
        (*_FROM_FIRST[:1], ("relational", "concept dropout .1")),
        "",
    ),
    (
        _TOGETHER,
        (*_LONGEST, _SMOOTHED, "joint.average_decay=0.995", "image.test_views=2"),
        (),
        "",
    ),
)


def flickr8k_recipes() -> Study:
    """The proposed model on a frozen CNN with one thing of its recipe changed."""
    systems = tuple(
        System(
            name,
            "flickr8k_captions/s_cnn_rnn_fix",
            (*ALL_PICTURES, *fields),
            reused_stages=stages,
            evaluations=_EVALUATIONS.get(name, ()),
            encoder=f"{ENCODER}{pooling}",
        )
        for name, fields, stages, pooling in _RECIPES
    )
    budget = (
        f"All begin from the stages of {FIRST!r} of the study flickr8k_words that the change does "
        "not touch, and train the others as it did. 800 joint steps of 32 images unless the name "
        "says otherwise; 500 pictures that do not train choose checkpoints."
    )
    return Study("flickr8k_recipes", jobs_of(systems, (0,)), budget, after="flickr8k_words")
