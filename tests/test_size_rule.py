import dataclasses

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.size_rule import follows_size, sized

# Pictures -> the CNN trains; views of a picture; steps of the prediction layer alone, of all
# layers, of the relational and of the joint stage.
THOROUGH = {
    48: (False, 10, 0, 400, 800, 400),
    500: (False, 10, 0, 625, 937, 400),
    5_000: (False, 2, 0, 6_250, 9_375, 2_500),
    50_000: (True, 1, 10_000, 4_687, 30_000, 15_000),
}
FAST = {
    48: (False, 2, 0, 200, 400, 200),
    500: (False, 2, 0, 312, 468, 200),
    5_000: (False, 1, 0, 3_125, 4_687, 1_250),
    50_000: (True, 1, 5_000, 1_562, 10_000, 5_000),
}


def figures(config):
    return (
        config.encoder.trainable,
        config.image.cached_views,
        config.unary.head_only_steps,
        config.unary.steps,
        config.relational.steps,
        config.joint.steps,
    )


@pytest.mark.parametrize("task", ["tags", "captions"])
@pytest.mark.parametrize(("preset", "expected"), [("thorough", THOROUGH), ("fast", FAST)])
def test_the_rule(task, preset, expected):
    config = dataclasses.replace(experiments.get(f"custom_{task}/s_cnn_rnn"), preset=preset)
    for number, wanted in expected.items():
        filled = sized(config, number)
        assert figures(filled) == wanted
        for stage in (filled.unary, filled.relational, filled.joint):
            assert stage.steps / 8 <= stage.validate_every_steps < stage.steps / 8 + 1


def test_a_field_that_is_set_stays():
    overrides = ["joint.steps=7", "encoder.trainable=true", "unary.validate_every_steps=9"]
    base = experiments.get("custom_captions/s_cnn_rnn")
    filled = sized(config_io.apply_overrides(base, overrides), 48)
    assert figures(filled) == (True, 1, 400, 400, 800, 7)
    assert filled.unary.validate_every_steps == 9
    assert filled.joint.validate_every_steps == 1


def test_other_experiments_stay_as_they_are():
    for name in experiments.names():
        config = experiments.get(name)
        assert follows_size(config) == name.startswith("custom_")
        if not follows_size(config):
            assert sized(config, 48) == config


def test_the_rule_survives_json():
    config = experiments.get("custom_tags/s_cnn_rnn")
    assert config_io.from_dict(config_io.to_dict(config)) == config
    filled = sized(config, 500)
    assert config_io.from_dict(config_io.to_dict(filled)) == filled
    assert sized(filled, 50_000) == filled
