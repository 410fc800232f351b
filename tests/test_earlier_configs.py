"""Configs from before a field existed are read as of what was done then."""

import dataclasses

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.config import Config


@pytest.mark.parametrize(
    ("splits", "purpose", "said"),
    [
        ({"validation_split": "validation", "test_split": "validation"}, "search", "chosen its"),
        ({"validation_split": "train", "test_split": "train"}, "fit", "trained on"),
        ({"test_split": "train[90%:]"}, "fit", "trained on"),
        ({"train_split": "train[:5]", "test_split": "train[90%:]"}, "fit", "trained on"),
        ({}, "report", None),
    ],
)
def test_earlier_configs_of_overlapping_splits_are_read_with_a_warning(
    splits, purpose, said, caplog
):
    values = config_io.to_dict(Config())
    del values["data"]["purpose"]
    values["data"] |= splits
    assert config_io.from_dict(values).data.purpose == purpose
    assert [said in r.message for r in caplog.records] == ([] if said is None else [True])
    # One written since says what it is for.
    with pytest.raises(ValueError, match=r"`data.test_split` must share no picture"):
        overlapping = {"test_split": "train", "purpose": "report"}
        config_io.from_dict({**values, "data": {**values["data"], **overlapping}})


def earlier(name, *lacking):
    """An experiment's config as it was written without these fields, read again."""
    values = config_io.to_dict(experiments.get(name))
    for section, field in lacking:
        parts = values[section] if isinstance(values[section], list) else [values[section]]
        for part in parts:
            del part[field]
    return config_io.from_dict(values)


def test_warp_ranked_by_negatives():
    lacking = ("concepts", "warp_rank")
    assert earlier("demo_tags/cnn_warp", lacking).concepts.warp_rank == "negatives"
    # Other losses have no rank, and an old run of theirs is resumed as it is.
    assert earlier("demo_tags/ria", lacking) == experiments.get("demo_tags/ria")


def test_the_image_of_step_zero_was_not_dropped():
    lacking = ("conditionings", "input_dropout")
    assert not earlier("coco_captions/nic", lacking).conditionings[0].input_dropout
    assert earlier("coco_captions/nic_f", lacking) == experiments.get("coco_captions/nic_f")


def test_the_user_tags_mlp_learned_at_the_base_rate():
    lacking = ("unary", "tag_rate"), ("joint", "tag_rate")
    config = earlier("coco_tags/s_cnn_rnn_tag1k", *lacking)
    assert (config.unary.tag_rate, config.joint.tag_rate) == (1.0, None)
    for name in ("coco_tags/s_cnn_rnn", "demo_tags/s_cnn_rnn_tag1k"):
        assert earlier(name, *lacking) == experiments.get(name)


def test_no_dropout_and_no_decay_that_was_not_there():
    lacking = ("encoder", "fc_dropout"), ("unary", "encoder_weight_decay")
    config = earlier("coco_tags/s_cnn_rnn", *lacking)
    assert (config.encoder.fc_dropout, config.unary.encoder_weight_decay) == (0.0, None)


def test_what_a_config_says_is_left_as_it_is():
    config = experiments.get("demo_tags/cnn_warp")
    assert config_io.from_dict(config_io.to_dict(config)) == config
    negatives = dataclasses.replace(config.concepts, warp_rank="negatives")
    config = dataclasses.replace(config, concepts=negatives)
    assert config_io.from_dict(config_io.to_dict(config)) == config
