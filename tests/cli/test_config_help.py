"""The list of the config's fields: all of them, with values, choices and the comments beside."""

import dataclasses

from cli.config_help import describe_config, field_comments
from semreg_tf import config_io, experiments
from semreg_tf.config import Config, StageConfig, UnaryConfig


def flags_of(config):
    lines = describe_config(config).splitlines()
    return dict(x.strip().split("=", 1) for x in lines if x.startswith("  --config."))


def test_every_field_is_listed_once_and_can_be_given_as_it_stands():
    config = experiments.get("demo_tags/s_cnn_rnn_tag1k")
    listed = flags_of(config)
    fields = config_io.differing_fields(config, dataclasses.replace(Config(), stages=("joint",)))
    assert listed.keys() >= {f"--config.{name}" for name in fields}
    overrides = [f"{name.removeprefix('--config.')}={value}" for name, value in listed.items()]
    start = Config(conditionings=config.conditionings)
    assert config_io.apply_overrides(start, overrides) == config


def test_choices_and_comments_stand_below_the_field():
    text = describe_config(Config())
    assert "--config.decoder.activation=relu\n      One of relu, tanh. Sec. 4.2, stated" in text
    assert '--config.conditionings.0.kind=init_state\n      "init_state" is Fig. 1(b, d)' in text


def test_a_comment_belongs_to_the_field_below_it_and_is_inherited():
    comments = field_comments(UnaryConfig)
    assert comments["batch_size"] == field_comments(StageConfig)["batch_size"]
    assert comments["part"].startswith('"tags" trains the user-tag MLP only')
    assert "optimizer" not in comments
