import dataclasses
import json
import re

import pytest

from semreg_tf import config_io
from semreg_tf.config import (
    FORMAT_VERSION,
    ConditioningConfig,
    Config,
    DecoderConfig,
    DecodingConfig,
    RelationalConfig,
    UnaryConfig,
)

CNN_ALONE = Config(
    decoder=None,
    conditionings=(),
    decoding=DecodingConfig(method="top_k"),
    stages=("unary",),
)
TWO_WAYS = Config(
    conditionings=(
        ConditioningConfig(),
        ConditioningConfig(kind="output_fusion", embedding="features"),
    ),
    stages=("unary", "joint"),
    relational=RelationalConfig(clip_norm=1e9, learning_rate=1 / 3),
)
CONFIGS = {"default": Config(), "without decoder": CNN_ALONE, "two conditionings": TWO_WAYS}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_json_round_trip_gives_an_equal_config_of_the_same_types(config, tmp_path):
    text = json.dumps(config_io.to_dict(config))
    again = config_io.from_dict(json.loads(text))
    assert again == config
    assert repr(again) == repr(config)
    path = str(tmp_path / "config.json")
    config_io.save(config, path, commit="abc")
    assert config_io.load(path) == config
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert written["commit"] == "abc"
    assert written["config"]["format_version"] == FORMAT_VERSION


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, None, "1"])
def test_another_format_version_is_refused_by_its_name(version, tmp_path):
    values = {**config_io.to_dict(Config()), "format_version": version}
    if version is None:
        del values["format_version"]
    message = (
        f"`format_version` of a config must be {FORMAT_VERSION}: this one was written by another "
        f"version of semreg_tf. Received: format_version={version!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        config_io.from_dict(values)
    (tmp_path / "config.json").write_text(json.dumps({"config": values}), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        config_io.load(str(tmp_path / "config.json"))


def test_reading_leaves_the_dict_as_it_was_and_runs_the_checks():
    values = config_io.to_dict(Config())
    config_io.from_dict(values)
    assert "format_version" in values
    values["decoding"]["beam_width"] = 0
    with pytest.raises(ValueError, match=r"`config.decoding.beam_width` must be at least 1\."):
        config_io.from_dict(values)
    values["decoding"] = {"beam_size": 3}
    with pytest.raises(ValueError, match=r"`config\.decoding\.beam_size`: Unexpected keyword"):
        config_io.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"config": 3}', '{"config": "ab"}', "null"])
def test_a_file_that_is_no_config_is_refused(text, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    message = rf"`path` must .* config\.json: it .* Received: .*{re.escape(str(path))}"
    with pytest.raises(ValueError, match=message):
        config_io.load(str(path))


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("decoding.beam_width=5", {"decoding.beam_width": 5}),
        ("joint.learning_rate=3e-4", {"joint.learning_rate": 3e-4}),
        ("joint.learning_rate=1", {"joint.learning_rate": 1.0}),
        ("relational.steps=2e3", {"relational.steps": 2000}),
        ("encoder.trainable=false", {"encoder.trainable": False}),
        ("encoder.trainable=False", {"encoder.trainable": False}),
        ("encoder.weights=null", {"encoder.weights": None}),
        ("encoder.weights=a folder/x=1.h5", {"encoder.weights": "a folder/x=1.h5"}),
        ("conditionings.0.kind=step_zero", {"conditionings.0.kind": "step_zero"}),
        ('stages=["joint"]', {"stages": ("joint",)}),
        ('decoder={"cells": 4}', {"decoder.cells": 4}),
        ("joint.clip_norm=2", {"joint.clip_norm": 2.0}),
        ("joint.clip_norm=.5", {"joint.clip_norm": 0.5}),
        ("joint.clip_norm=2.", {"joint.clip_norm": 2.0}),
        ("decoding.end_bias=-.5e-1", {"decoding.end_bias": -0.05}),
        ("name=.5 of it", {"name": ".5 of it"}),
        ("data.dataset=coco_captions/karpathy", {"data.dataset": "coco_captions/karpathy"}),
    ],
)
def test_an_override_changes_its_field_alone(override, changed):
    config = config_io.apply_overrides(Config(), [override])
    assert config_io.differing_fields(config, Config()) == changed
    for name, value in changed.items():
        assert type(config_io.differing_fields(config, Config())[name]) is type(value)


def test_whole_numbers_and_switches_may_be_written_as_in_python():
    values = ["joint.steps=2e4", "joint.learning_rate=1", "encoder.trainable=False"]
    config = config_io.apply_overrides(Config(), values)
    assert (config.joint.steps, config.joint.learning_rate) == (20_000, 1.0)
    assert isinstance(config.joint.steps, int)
    assert isinstance(config.joint.learning_rate, float)
    assert config.encoder.trainable is False


def test_a_place_in_a_tuple_can_be_overridden():
    config = config_io.apply_overrides(Config(stages=("unary", "joint")), ["stages.0=relational"])
    assert config.stages == ("relational", "joint")


def test_overrides_are_checked_together_and_the_last_of_a_field_counts():
    overrides = ["decoder=null", "conditionings=[]", "decoding.method=top_k", 'stages=["unary"]']
    for some in (overrides, overrides[::-1]):
        assert config_io.apply_overrides(Config(), some) == CNN_ALONE
    for override in ("decoder=null", "decoding.method=top_k"):
        with pytest.raises(ValueError, match="where"):
            config_io.apply_overrides(Config(), [override])
    twice = ["decoding.beam_width=0", "decoding.beam_width=2"]
    assert config_io.apply_overrides(Config(), twice).decoding.beam_width == 2


def test_nothing_to_override_gives_an_equal_config():
    for config in CONFIGS.values():
        assert config_io.apply_overrides(config, []) == config


KNOWN_IN_DECODER = ", ".join(f.name for f in dataclasses.fields(DecoderConfig))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("beam_width", "`overrides` must look like section.field=value. Received: 'beam_width'"),
        (
            "decoder.cels=3",
            f"`--config` names no field 'cels': did you mean 'cells'? Known here: "
            f"{KNOWN_IN_DECODER}. Received: --config.decoder.cels=3",
        ),
        ("decodr.cells=3", "names no field 'decodr': did you mean 'decoder'? Known here: name, "),
        ("zzz=3", "`--config` names no field 'zzz'. Known here: name, table_row, data, image"),
        ("seed.x=3", "names no field 'x'. Known here: none. Received: --config.seed.x=3"),
        ("conditionings.1.kind=x", "names no field '1'. Known here: 0. Received"),
        ("=3", "names no field ''"),
    ],
)
def test_unknown_fields_list_the_known_and_the_closest(override, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        config_io.apply_overrides(Config(), [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=3.5", "`config.seed` must be a valid integer"),
        ("seed=true", "`config.seed` must be a valid integer. Received: seed=True"),
        ("joint.learning_rate=true", "`config.joint.learning_rate` must be a valid number."),
        ("encoder.trainable=1", "`config.encoder.trainable` must be a valid boolean. Received: "),
        ("seed=null", "`config.seed` must be a valid integer. Received: seed=None"),
        ("decoding.beam_width=wide", "Received: decoding.beam_width='wide'"),
        ("data.dataset=3", "`config.data.dataset` must be a valid string."),
        ("data=3", "`config.data` must be an object."),
        ("stages=unary", "`config.stages` must be a valid array. Received: stages='unary"),
        ('stages=["x"]', "`config.stages.0` must be 'unary', 'relational' or 'joint'"),
        ("decoder.cell=elman", "`config.decoder.cell` must be 'lstm', 'peephole_lstm', 'gru' or"),
        ('decoder={"cels": 3}', "`config.decoder.cels`: Unexpected keyword argument"),
        ("encoder.trainable=maybe", "`config.encoder.trainable` must be a valid boolean"),
    ],
)
def test_values_of_another_type_are_refused(override, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        config_io.apply_overrides(Config(), [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decoding.beam_width=0", "`config.decoding.beam_width` must be at least 1. Received: "),
        ("joint.learning_rate=-1", "`config.joint.learning_rate` must be at least 0. Received: jo"),
        ("joint.patience=3", "`patience` needs `validate_every_steps` above 0."),
        ("decoding.method=top_k", "`decoding.method` must be 'greedy' or 'beam'"),
        ("decoding.method=combined", "`combine_threshold` must be given where `method` is 'comb"),
        ("concepts.supervised=false", "`stages` may hold 'unary' only where"),
        ("unary.part=tags", "`unary.part` may be 'tags' only where"),
    ],
)
def test_refused_values_and_combinations_speak_with_the_constructors_words(override, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        config_io.apply_overrides(Config(), [override])


def test_differing_fields_are_empty_for_equal_configs_alone():
    for name, config in CONFIGS.items():
        for other_name, other in CONFIGS.items():
            differing = config_io.differing_fields(config, other)
            assert (not differing) == (name == other_name)


def test_differing_fields_name_what_only_one_has():
    changes = {"conditionings": (), "decoder": None, "decoding.method": "top_k"}
    assert config_io.differing_fields(CNN_ALONE, Config()) == {**changes, "stages": ("unary",)}
    back = config_io.differing_fields(Config(), CNN_ALONE)
    assert back["decoder.cells"] == 512
    assert back["conditionings.0.kind"] == "init_state"
    assert "decoder" not in back
    first_alone = dataclasses.replace(TWO_WAYS, conditionings=TWO_WAYS.conditionings[:1])
    gone = config_io.differing_fields(first_alone, TWO_WAYS)
    assert set(gone.values()) == {None}
    assert "conditionings.1.kind" in gone


def test_differing_fields_tell_numbers_of_a_section():
    config = dataclasses.replace(Config(), unary=UnaryConfig(steps=7))
    assert config_io.differing_fields(config, Config()) == {"unary.steps": 7}


@pytest.mark.parametrize(
    "field",
    [
        "data.num_concepts",
        "data.captions_per_image",
        "data.min_word_count",
        "image.size",
        "image.cached_views",
        "decoder.second_embedding",
        "decoder.initializer_range",
        "conditionings.0.width",
        "joint.clip_norm",
        "joint.encoder_rate",
        "reranking.best",
        "seed",
    ],
)
@pytest.mark.parametrize("value", ["true", "false"])
def test_a_boolean_is_no_number_in_overrides_and_files(field, value):
    with pytest.raises(ValueError, match=rf"`config\.{field}` must be .*={value == 'true'}$"):
        config_io.apply_overrides(Config(), [f"{field}={value}"])
    values = config_io.to_dict(Config())
    section, *parts = field.split(".")
    if section == "data":
        values[section][parts[0]] = value == "true"
        with pytest.raises(ValueError, match=rf"`config\.{field}` must be "):
            config_io.from_dict(values)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("joint.learning_rate=Infinity", "must be a valid number. Received: .*Infinity'"),
        ("joint.learning_rate=1e999", "must be a .* number. Received: "),
        ("joint.learning_rate=NaN", "must be a valid number. Received: .*NaN'"),
        ("joint.clip_norm=Infinity", "must be a valid number"),
        (f"joint.steps={'9' * 400}", "at most 9007199254740992"),
        (f"joint.learning_rate={'9' * 400}", r"`config\.joint\.learning_rate`"),
        (f"joint.steps={'9' * 5000}", "thousands of digits"),
        ("seed=9007199254740993", "at most 9007199254740992"),
        ('name="\\ud800"', "Half of a surrogate pair"),
        ("name=x\ud800", "half of a surrogate pair"),
    ],
)
def test_numbers_are_finite_and_texts_can_be_written(override, says):
    with pytest.raises(ValueError, match=says) as found:
        config_io.apply_overrides(Config(), [override])
    assert len(str(found.value)) < 400
    assert str(found.value).isprintable()


def test_a_byte_order_mark_before_a_config_is_passed_over(tmp_path):
    path = tmp_path / "config.json"
    config_io.save(Config(), str(path))
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    assert config_io.load(str(path)) == Config()
