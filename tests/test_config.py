"""Every check that a config's constructor makes, by its message."""

import dataclasses
import re
from typing import get_type_hints

import pytest

from semreg_tf.config import (
    ConceptConfig,
    ConceptLayersConfig,
    ConditioningConfig,
    Config,
    DataConfig,
    DecoderConfig,
    DecodingConfig,
    EncoderConfig,
    ImageConfig,
    JointConfig,
    NeighbourConfig,
    PlacesConfig,
    RelationalConfig,
    RerankingConfig,
    SamplingConfig,
    StageConfig,
    UnaryConfig,
)
from semreg_tf.config_checks import Checked
from semreg_tf.decoder_config import LabelsConfig

SECTIONS = (
    DataConfig,
    ImageConfig,
    EncoderConfig,
    ConceptConfig,
    NeighbourConfig,
    ConceptLayersConfig,
    ConditioningConfig,
    DecoderConfig,
    DecodingConfig,
    LabelsConfig,
    RerankingConfig,
    SamplingConfig,
    StageConfig,
    UnaryConfig,
    RelationalConfig,
    JointConfig,
    PlacesConfig,
    Config,
)
COMBINED = DecodingConfig(method="combined", combine_threshold=0.3)
CNN_ALONE = {
    "decoder": None,
    "conditionings": (),
    "decoding": DecodingConfig(method="top_k"),
    "stages": ("unary",),
}


def bounds_of(section, field):
    """The bounds that pydantic holds, None where there is none."""
    rules = section.__pydantic_fields__[field.name].metadata
    low = next((rule.ge for rule in rules if hasattr(rule, "ge")), None)
    return low, next((rule.le for rule in rules if hasattr(rule, "le")), None)


def fields_with(section, kind):
    hints = get_type_hints(section)
    for field in dataclasses.fields(section):
        bounded = bounds_of(section, field) != (None, None)
        if bounded if kind == "bounds" else "Literal" in str(hints[field.name]):
            yield field, hints[field.name]


BOUNDED = [(s, f, h) for s in SECTIONS for f, h in fields_with(s, "bounds")]
CHOICES = [
    (s, f)
    for s in SECTIONS
    for f, h in fields_with(s, "choices")
    if not str(h).startswith("tuple") and "bool" not in str(h)
]


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_pass_and_cannot_be_changed(section):
    made = section()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(section)[0].name, 1)


def test_pydantic_checks_every_section():
    """A plain dataclass would check nothing."""
    checked = Checked.__subclasses__()
    # The server's limits are no part of an experiment.
    assert {c for c in checked if ".serving." not in c.__module__} <= set(SECTIONS)
    for section in {*SECTIONS, *checked}:
        assert "__pydantic_fields__" in vars(section)


def test_every_number_has_bounds_and_every_choice_a_list():
    """So that the tests below leave no field out."""
    checked = {(s, f.name) for s, f, *_ in BOUNDED} | {(s, f.name) for s, f in CHOICES}
    for section in SECTIONS:
        hints = get_type_hints(section)
        for field in dataclasses.fields(section):
            if hints[field.name] in (int, float, int | None, float | None):
                assert (section, field.name) in checked
    assert len(BOUNDED) > 60
    assert len(CHOICES) > 15


@pytest.mark.parametrize(
    ("section", "field", "hint"), BOUNDED, ids=[f"{s.__name__}.{f.name}" for s, f, _ in BOUNDED]
)
def test_numbers_outside_their_bounds_are_refused(section, field, hint):
    name, (low, high) = field.name, bounds_of(section, field)
    whole = "float" not in str(hint)
    lowest = f"{low:f}".rstrip("0").rstrip(".")
    refused = [(low - 1, f"at least {lowest}"), ("3", None), (True, None)]
    highest = str(high).removesuffix(".0")
    refused += [] if high is None else [(high + 1, f"at most {highest}")]
    refused += [(3.5, None)] if whole else [(float(x), "a finite number") for x in ("nan", "inf")]
    refused += [] if "None" in str(hint) else [(None, None)]
    for value, wanted in refused:
        wanted = wanted or ("a valid integer" if whole else "a valid number")
        message = f"`{name}` must be {wanted}. Received: {name}={value!r}"
        with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
            section(**{name: value})
    assert getattr(section(**{name: low}), name) == low
    # JSON readers hold no larger one exactly.
    assert high is not None or not whole


@pytest.mark.parametrize(
    ("section", "field"), CHOICES, ids=[f"{s.__name__}.{f.name}" for s, f in CHOICES]
)
def test_unknown_choices_list_the_known(section, field):
    allowed = get_type_hints(section)[field.name].__args__
    listed = " or ".join(", ".join(map(repr, allowed)).rsplit(", ", 1))
    for value in ("other", 1.5):
        message = f"`{field.name}` must be {listed}. Received: {field.name}={value!r}"
        with pytest.raises(ValueError, match=re.escape(message)):
            section(**{field.name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": 3}, "`data` must be an instance of DataConfig. Received: data=3"),
        ({"name": 3}, "`name` must be a valid string. Received: name=3"),
        ({"jit_compile": 1}, "`jit_compile` must be a valid boolean. Received: jit_compile=1"),
        ({"stages": ["joint"]}, "`stages` must be a valid tuple. Received: stages=['joint']"),
        ({"sed": 3}, "`sed`: Unexpected keyword argument. Received: sed=3"),
    ],
)
def test_values_of_another_type_and_unknown_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        Config(**fields)


def test_patience_needs_validation():
    message = (
        "`patience` needs `validate_every_steps` above 0. "
        "Received: patience=5, validate_every_steps=0"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        JointConfig(patience=5)
    assert JointConfig(patience=5, validate_every_steps=10).patience == 5


def test_a_test_split_that_chooses_checkpoints_is_refused_at_construction():
    with pytest.raises(ValueError, match=r"`data.test_split` must share no picture with"):
        DataConfig(validation_split="train[90%:]", test_split="train[95%:]")
    assert DataConfig(test_split="validation", purpose="search").purpose == "search"
    assert DataConfig(test_split="train", purpose="fit").purpose == "fit"


def test_a_stage_starts_from_those_whose_weights_it_has_a_use_for():
    plain = Config()
    assert [plain.warm_starts(s) for s in plain.stages] == [(), (), ("unary", "relational")]
    on_features = dataclasses.replace(plain, conditionings=FEATURES)
    assert on_features.warm_starts("relational") == ("unary",)


FEATURES = (ConditioningConfig(embedding="features"),)
CAPTIONS = {"data": DataConfig(task="captions")}
MORE = {"relational": RelationalConfig(extra_captions="a.token")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"decoder": None, "conditionings": FEATURES},
            "`conditionings` must be empty where `decoder` is None. Received: conditionings=(Cond",
        ),
        (
            {**CNN_ALONE, "decoding": DecodingConfig(method="greedy")},
            "`decoding.method` must be 'top_k' where `decoder` is None. "
            "Received: decoding.method='greedy'",
        ),
        (
            {**CNN_ALONE, "concepts": ConceptConfig(supervised=False)},
            "`concepts.supervised` must be True where `decoder` is None: nothing would be "
            "trained. Received: concepts.supervised=False",
        ),
        (
            {"decoding": DecodingConfig(method="top_k")},
            "`decoding.method` must be 'greedy' or 'beam' where there is a decoder. "
            "Received: decoding.method='top_k'",
        ),
        (
            {"decoding": COMBINED},
            "`decoding.method` can be 'combined' for tags with supervised concepts only. Received: "
            "decoding.method='combined', data.task='captions', concepts.supervised=True",
        ),
        (
            {
                "decoding": COMBINED,
                "data": DataConfig(task="tags"),
                "concepts": ConceptConfig(supervised=False),
                "stages": ("joint",),
            },
            "`decoding.method` can be 'combined' for tags with supervised concepts only. Received: "
            "decoding.method='combined', data.task='tags', concepts.supervised=False",
        ),
        (
            {"stages": ("warmup",)},
            "`stages.0` must be 'unary', 'relational' or 'joint'. Received: stages.0='warmup'",
        ),
        ({"stages": ()}, "each once. Received: stages=()"),
        ({"stages": ("joint", "joint")}, "each once. Received: stages=('joint', 'joint')"),
        (
            {"conditionings": (*FEATURES, ConditioningConfig())},
            "`stages` may hold 'relational' only where the decoder reads concepts, whose ground "
            "truth it is fed, or features, which are cached: not both, nor without a decoder. "
            "Received: stages=('unary', 'relational', 'joint'), embeddings=['concepts', 'features",
        ),
        (
            {**CNN_ALONE, "stages": ("unary", "relational")},
            "`stages` may hold 'relational' only where the decoder reads concepts",
        ),
        (
            {**CNN_ALONE, "stages": ("unary", "joint")},
            "`stages` may hold 'joint' only where there is a decoder. "
            "Received: stages=('unary', 'joint')",
        ),
        (
            {"concepts": ConceptConfig(supervised=False)},
            "`stages` may hold 'unary' only where `concepts.supervised` is True. "
            "Received: stages=('unary', 'relational', 'joint')",
        ),
        (
            {"unary": UnaryConfig(part="tags")},
            "`unary.part` may be 'tags' only where `data.num_user_tags` is above 0 and a "
            "separate perceptron reads them. Received: unary.part='tags', "
            "data.num_user_tags=0",
        ),
        (
            {"data": DataConfig(task="tags"), **MORE},
            "`relational.extra_captions` may be given only where the relational stage reads "
            "concepts of captions",
        ),
        (
            {**CAPTIONS, **MORE, "conditionings": FEATURES},
            "these captions have neither images nor labels",
        ),
        (
            {
                "relational": RelationalConfig(extra_captions="a.token", extra_words=True),
                "data": DataConfig(task="tags", labels_from="captions"),
            },
            "`relational.extra_words` may be True only where `data.task` is 'captions'",
        ),
    ],
)
def test_combinations_without_meaning_are_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Config(**changes)


def test_the_combinations_beside_them_pass():
    assert Config(**CNN_ALONE).decoder is None
    assert Config(conditionings=FEATURES, stages=("unary", "joint")).stages == ("unary", "joint")
    with_tags = Config(unary=UnaryConfig(part="tags"), data=DataConfig(num_user_tags=1))
    assert with_tags.unary.part == "tags"
    unsupervised = Config(concepts=ConceptConfig(supervised=False), stages=("joint",))
    assert not unsupervised.concepts.supervised
    assert Config(**CAPTIONS, **MORE).relational.extra_captions == "a.token"
    assert Config(**MORE, data=DataConfig(task="tags", labels_from="captions")).data.task == "tags"


def test_more_words_need_the_captions_that_bring_them():
    with pytest.raises(ValueError, match=r"`relational.extra_words` needs `relational.extra_capt"):
        RelationalConfig(extra_words=True)


@pytest.mark.parametrize("value", ["yes", None])
def test_words_are_scored_in_bfloat16_or_not_or_by_what_is_faster(value):
    assert DecodingConfig(bfloat16_output="auto").bfloat16_output == "auto"
    with pytest.raises(ValueError, match="`bfloat16_output` must be True, False or 'auto'"):
        DecodingConfig(bfloat16_output=value)


def test_a_captioner_has_no_labels():
    with pytest.raises(ValueError, match=r"may be 'captions' only .*data.task='captions'$"):
        DataConfig(task="captions", labels_from="captions")


def test_a_boolean_is_none_of_the_numbers_to_choose_from():
    with pytest.raises(ValueError, match=r"`cached_views` must be a valid integer\. Rec.*=True$"):
        ImageConfig(cached_views=True)
    with pytest.raises(ValueError, match=r"`fixed_lengths\.1` must be at least 1\. Received"):
        DecodingConfig(fixed_lengths=(5, 0))


def test_maps_are_cached_for_the_relational_stage_as_features_are():
    def read(*embeddings):
        kinds = ("init_state", "soft_attention")
        conditionings = tuple(
            ConditioningConfig(kind=kind, embedding=embedding)
            for kind, embedding in zip(kinds, embeddings, strict=False)
        )
        return Config(conditionings=conditionings)

    maps = read("features", "spatial_features")
    assert maps.embeddings_read == {"features", "spatial_features"}
    assert (maps.reads_map, maps.pretrains_on_features) == (True, True)
    assert (read("concepts").reads_map, read("concepts").pretrains_on_features) == (False, False)
    with pytest.raises(ValueError, match=r"embeddings=\['concepts', 'spatial_features'\]"):
        read("concepts", "spatial_features")


def test_sampling_beside_own_choices_and_a_penalty_under_xla_are_refused():
    sampling = SamplingConfig("linear")
    message = r"`sampling.schedule` must be 'none' where `decoder.alignment`.*'minimal_loss'"
    with pytest.raises(ValueError, match=message):
        Config(
            data=DataConfig(task="tags"),
            decoder=DecoderConfig(alignment="minimal_loss"),
            sampling=sampling,
        )
    attention = ConditioningConfig(kind="attribute_attention", attention_penalty=1.0)
    with pytest.raises(ValueError, match=r"`attention_penalty` needs `jit_compile` False"):
        Config(conditionings=(attention,), jit_compile=True)


def test_dropout_of_concepts_that_no_decoder_reads_is_refused():
    features = (ConditioningConfig(embedding="features"),)
    message = r"`decoder.concept_dropout` may be above 0 only .*=0.1, embeddings=\['features'\]"
    with pytest.raises(ValueError, match=message):
        Config(conditionings=features, decoder=DecoderConfig(concept_dropout=0.1))


def test_places_of_a_picture_are_checked():
    crops = ConceptConfig(places=PlacesConfig(kind="crops"))
    with pytest.raises(ValueError, match=r"`kind` must be 'image', 'cells' or 'crops'"):
        PlacesConfig(kind="boxes")
    with pytest.raises(ValueError, match=r"`crop_grids.0` must be at least 2"):
        PlacesConfig(kind="crops", crop_grids=(1, 2))
    for grids in ((), (2, 2)):
        with pytest.raises(ValueError, match=r"`crop_grids` must hold at least one number, each"):
            PlacesConfig(kind="crops", crop_grids=grids)
    attention = ConditioningConfig(kind="soft_attention", embedding="spatial_features")
    with pytest.raises(ValueError, match=r"'crops' only where the decoder reads no map"):
        Config(concepts=crops, conditionings=(attention,), stages=("joint",))
    with pytest.raises(ValueError, match=r"`image.cached_views` must be 1 where .* 'crops'"):
        Config(concepts=crops, image=ImageConfig(cached_views=2))
    with pytest.raises(ValueError, match=r"`unary.crop_steps` may be above 0 only where"):
        Config(unary=UnaryConfig(crop_steps=5))
    assert Config(concepts=ConceptConfig(places=PlacesConfig(kind="cells"))).reads_map
    assert not Config(concepts=crops).reads_map
