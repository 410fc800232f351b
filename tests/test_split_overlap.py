"""Which splits can share pictures, told from their names; what a test split must not share."""

import re

import pytest

from semreg_tf.split_overlap import check_splits, overlap

PAIRS = [
    ("train", "train", True),
    ("train", "validation", False),
    ("train", "train[5500:]", True),
    ("train[:]", "train[5:]", True),
    ("train[:5500]", "train[5500:]", False),
    ("train[:5501]", "train[5500:]", True),
    ("train[:5_500]", "train[5500:]", False),
    ("train[10:20]", "train[15:30]", True),
    ("train[10:20]", "train[30:]", False),
    ("train[:95%]", "train[95%:]", False),
    ("train[:96%]", "train[95%:]", True),
    ("train[:90%]", "train[90%:95%]", False),
    ("train[-500:]", "train[:-500]", False),
    ("train[-400:]", "train[:-500]", False),
    ("train[-600:]", "train[:-500]", True),
    # How many pictures there are decides.
    ("train[:5500]", "train[90%:]", None),
    ("train[:5500]", "train[-500:]", None),
    # No part that could be read: the whole split.
    ("train[3]", "train[:5]", True),
]


@pytest.mark.parametrize(("one", "other", "shared"), PAIRS)
def test_overlap(one, other, shared):
    assert overlap(one, other) is shared
    assert overlap(other, one) is shared


def test_parts_are_those_that_load(demo_data):
    """The names' verdict is that of the records that the parts hold."""
    from semreg_tf.config import DataConfig
    from semreg_tf.data.input_pipeline import load_split
    from semreg_tf.data.records import find_builder
    from semreg_tf.data.vocabulary import Vocabularies

    builder, config = find_builder(demo_data, "demo"), DataConfig(task="tags", min_word_count=1)
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config)
    for one, other in (("[:95%]", "[95%:]"), ("[:30]", "[30:]"), ("[-7:]", "[:-7]")):
        ids = [
            {a.image_id for a in load_split(builder, f"train{p}", vocabularies, config).annotations}
            for p in (one, other)
        ]
        assert overlap(f"train{one}", f"train{other}") is bool(ids[0] & ids[1]) is False
        assert len(ids[0] | ids[1]) == 40


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            ("train", "validation", "validation"),
            "`data.test_split` must share no picture with `data.validation_split`, which chooses "
            "checkpoints: take a part of the training split",
        ),
        (
            ("train", "validation", "train[:10]"),
            "`data.test_split` must share no picture with `data.train_split`, which trains: ",
        ),
        (
            ("train[20%:90%]", "train[:5500]", "train[90%:]"),
            "`data.validation_split` and `data.test_split` must not share pictures, which their ",
        ),
    ],
)
def test_a_test_split_that_trained_or_chose_is_refused(splits, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}.*Received: data"):
        check_splits(*splits, "report")
    check_splits(*splits, "fit")


def test_a_search_may_judge_on_what_chooses_but_not_on_what_trains():
    check_splits("train[:5]", "train[5:]", "train[5:]", "search")
    with pytest.raises(ValueError, match=r"`data.train_split`, which trains.*test_split='train'"):
        check_splits("train", "validation", "train", "search")
