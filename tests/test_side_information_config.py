"""What a config says of heads that read more than the picture, and what it refuses."""

import dataclasses
import re

import pytest

from semreg_tf import config_io
from semreg_tf.config import (
    ConceptConfig,
    ConceptLayersConfig,
    Config,
    DataConfig,
    EncoderConfig,
    NeighbourConfig,
)

FROZEN = EncoderConfig(trainable=False)
NEIGHBOURS = ConceptConfig(neighbours=NeighbourConfig())
LAYERS = ConceptConfig(layers=ConceptLayersConfig())
TAGS = DataConfig(task="tags", num_user_tags=9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"concepts": NEIGHBOURS, "data": TAGS},
            "`concepts.neighbours` needs `encoder.trainable` False, because the neighbours' "
            "features are cached, and `data.num_user_tags` above 0, to find neighbours. Received: "
            "encoder.trainable=True, data.num_user_tags=9",
        ),
        (
            {"concepts": NEIGHBOURS, "encoder": FROZEN},
            "Received: encoder.trainable=False, data.num_user_tags=0",
        ),
        (
            {
                "concepts": ConceptConfig(neighbours=NeighbourConfig(drawn=7)),
                "data": TAGS,
                "encoder": FROZEN,
            },
            "`concepts.neighbours.drawn` must be at most `count`, the number of "
            "neighbours. Received: drawn=7, count=6",
        ),
        (
            {"data": DataConfig(num_groups=3)},
            "`data.num_groups` may be above 0 only where `concepts.layers` reads groups. "
            "Received: data.num_groups=3",
        ),
        (
            {"concepts": dataclasses.replace(NEIGHBOURS, layers=ConceptLayersConfig())},
            "`concepts` may have one of `neighbours`, `layers` and `hidden_units` above 0: each "
            "is another kind of head. Received: neighbours=Neigh",
        ),
        (
            {"concepts": dataclasses.replace(LAYERS, hidden_units=7)},
            "is another kind of head. Received: neighbours=None",
        ),
    ],
)
def test_heads_that_have_nothing_to_read_are_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Config(**changes)


@pytest.mark.parametrize(
    ("concepts", "fed", "perceptron"),
    [
        (ConceptConfig(), True, True),
        (NEIGHBOURS, True, False),
        (ConceptConfig(neighbours=NeighbourConfig(tag_vector="raw")), True, False),
        (ConceptConfig(neighbours=NeighbourConfig(tag_vector="none")), False, False),
        (LAYERS, True, False),
        (ConceptConfig(layers=ConceptLayersConfig(observed=("groups",))), False, False),
    ],
)
def test_who_is_fed_the_user_tags(concepts, fed, perceptron):
    config = Config(data=TAGS, encoder=FROZEN, concepts=concepts)
    assert (config.reads_user_tags, config.has_tag_model) == (fed, perceptron)
    without = None if concepts.neighbours else Config(encoder=FROZEN, concepts=concepts)
    assert without is None or not (without.reads_user_tags or without.has_tag_model)


def test_layers_are_observed_or_predicted_where_the_data_has_them():
    data = dataclasses.replace(TAGS, num_groups=3)
    config = Config(data=data, concepts=LAYERS)
    assert (config.observed_layers, config.predicted_layers) == (("groups", "user_tags"), ())
    some = ConceptConfig(layers=ConceptLayersConfig(observed=("user_tags",)))
    config = Config(data=data, concepts=some)
    assert (config.observed_layers, config.predicted_layers) == (("user_tags",), ("groups",))
    assert Config(data=TAGS, concepts=some).predicted_layers == ()
    assert Config(data=TAGS).observed_layers == Config(data=TAGS).predicted_layers == ()


def test_sections_come_and_go_as_json():
    config = Config(data=dataclasses.replace(TAGS, num_groups=3), concepts=LAYERS)
    assert config_io.from_dict(config_io.to_dict(config)) == config
    earlier = config_io.to_dict(Config())
    for field in ("neighbours", "layers"):
        del earlier["concepts"][field]
    del earlier["data"]["num_groups"]
    assert config_io.from_dict(earlier) == Config()
    changed = config_io.apply_overrides(config, ["concepts.layers.form=linear"])
    assert changed.concepts.layers.form == "linear"
