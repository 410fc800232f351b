"""The registry: the papers' numbers, and what separates one row of a table from another."""

import dataclasses
import json
import re

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.experiments import annotation_sets, captioning, demo, tagging
from semreg_tf.split_overlap import overlap

NAMES = experiments.names()
PAPER_TAGS = ("nus_wide_tags", "coco_tags")
TAG_ROWS = {
    "cnn_logistic": "CNN+logistic",
    "cnn_softmax": "CNN+Softmax",
    "cnn_warp": "CNN+WARP",
    "cnn_rnn": "CNN-RNN",
    "ria": "RIA",
    "s_cnn_rnn": "Ours",
    "s_cnn_rnn_tag1k": "Ours+Tag1K",
    "s_cnn_rnn_tag1k_fix": "Ours+Tag1K Fix",
}
OTHER_SIDE_INFORMATION = {
    "tag_neighbours",
    "tag_neighbours_alone",
    "sinn",
    "sinn_no_groups",
    "binn",
    "binn_no_groups",
}
CAPTION_ROWS = {"nic_f": "NIC-F", "nic_deeply": "NIC-deeply", "s_cnn_rnn": "Ours"}


def differing(name, other):
    """What separates two experiments, names apart."""
    found = config_io.differing_fields(experiments.get(name), experiments.get(other))
    return {key: value for key, value in found.items() if key not in ("name", "table_row")}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gives_its_config_which_goes_through_json(name):
    config = experiments.get(name)
    assert isinstance(config, Config)
    assert config.name == name
    assert config.table_row
    assert experiments.get(name) == config
    assert config_io.from_dict(json.loads(json.dumps(config_io.to_dict(config)))) == config
    assert (config.data.task == "tags") == ("_tags/" in name)


def test_names_are_sorted_and_hold_every_row_of_the_tables():
    assert list(NAMES) == sorted(set(NAMES))
    for dataset, table in zip(PAPER_TAGS, ("Table 1", "Table 2"), strict=True):
        for system, row in TAG_ROWS.items():
            assert experiments.get(f"{dataset}/{system}").table_row == f"{table}: {row}"
    for system, row in CAPTION_ROWS.items():
        assert experiments.get(f"coco_captions/{system}").table_row == f"Table 4: {row}"


def test_the_data_sets_of_a_task_have_the_same_systems():
    systems = {}
    for name in NAMES:
        dataset, system = name.split("/")
        systems.setdefault(dataset, set()).add(system)
    assert systems["nus_wide_tags"] == systems["demo_tags"]
    # Table 2 has no row of those that read user tags otherwise.
    assert systems["demo_tags"] - systems["coco_tags"] == OTHER_SIDE_INFORMATION
    captions = ("coco_captions", "flickr8k_captions", "demo_captions")
    assert systems[captions[0]] == systems[captions[1]] == systems[captions[2]]


def test_unknown_names_suggest_the_closest():
    for name, hint in (("demo_tag/ria", ": did you mean 'demo_tags/ria'?"), ("zzz", ".")):
        message = (
            f"`experiment` must be a known name{hint} `semreg list --names` prints them. "
            f"Received: experiment={name!r}"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            experiments.get(name)
    with pytest.raises(ValueError, match="`experiment` must be a known name"):
        experiments.base_of("demo_tags")


@pytest.mark.parametrize("name", NAMES)
def test_the_base_of_a_name_is_its_data_sets(name):
    dataset = name.split("/")[0]
    base = experiments.base_of(name)
    assert base == experiments.base_of(f"{dataset}/s_cnn_rnn")
    assert base == dataclasses.replace(
        experiments.get(f"{dataset}/s_cnn_rnn"), name=base.name, table_row=base.table_row
    )
    assert base.data.dataset == experiments.get(name).data.dataset


def test_each_data_set_is_listed_once():
    listed = [
        d for module in (tagging, annotation_sets, captioning, demo) for d in module.EXPERIMENTS
    ]
    assert len(listed) == len(set(listed))
    assert {name.split("/")[0] for name in NAMES} == set(listed)


@pytest.mark.parametrize(
    ("name", "encoder", "unary_rate"),
    [("nus_wide_tags", "caffenet", 1e-4), ("coco_tags", "vgg16", 1e-3)],
)
def test_tags_have_the_numbers_of_section_4_2(name, encoder, unary_rate):
    config = experiments.get(f"{name}/s_cnn_rnn")
    assert (config.encoder.name, config.unary.learning_rate) == (encoder, unary_rate)
    assert config.encoder.trainable
    decoder = config.decoder
    assert (decoder.cells, decoder.word_embedding) == (512, 256)
    assert (decoder.cell, decoder.activation) == ("lstm", "relu")
    assert (config.relational.optimizer, config.relational.learning_rate) == ("rmsprop", 1e-4)
    assert (config.unary.optimizer, config.unary.momentum, config.unary.head_rate) == (
        "sgd",
        0.9,
        10.0,
    )
    assert {s.batch_size for s in (config.unary, config.relational, config.joint)} == {32}
    # Every label is a concept and an output: 81 and END, 80 and END.
    assert (config.data.num_concepts, config.data.max_vocab_size) == (None, None)
    assert config.data.min_word_count == 1
    assert config.data.label_order == "rare_first"
    assert config.data.num_user_tags == 0
    assert config.decoding.method == "greedy"
    assert config.stages == ("unary", "relational", "joint")
    # Until the validation O-F1 has not risen for five epochs.
    for stage in (config.unary, config.relational, config.joint):
        assert stage.patience == 5
        assert stage.validate_every_steps == {"nus_wide_tags": 4453, "coco_tags": 2436}[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_experiment_reports_on_what_trained_or_chose(name):
    data = experiments.get(name).data
    assert (data.purpose == "fit") is name.startswith("coco128_tags/")
    if data.purpose == "report":
        assert overlap(data.train_split, data.test_split) is False
        assert overlap(data.validation_split, data.test_split) is False
        assert overlap(data.train_split, data.validation_split) is False


@pytest.mark.parametrize("name", NAMES)
def test_rmsprop_has_momentum_in_the_unary_stage_of_small_cnns_alone(name):
    config = experiments.get(name)
    small = ("flickr8k_tags", "custom_tags", "corel5k_tags", "esp_game_tags", "iapr_tc12_tags")
    with_momentum = {
        stage
        for stage in ("unary", "relational", "joint")
        if getattr(config, stage).optimizer == "rmsprop" and getattr(config, stage).momentum
    }
    assert with_momentum == ({"unary"} if name.split("/")[0] in small else set())


def test_coco_tags_choose_on_a_part_of_train_and_report_on_the_papers_split():
    data = experiments.get("coco_tags/s_cnn_rnn").data
    assert (data.train_split, data.validation_split) == ("train[:95%]", "train[95%:]")
    assert data.test_split == "validation"
    # Training images with objects; and the images of NUS-WIDE that train or choose.
    assert int(0.95 * 82_081) // 32 == tagging.COCO_EPOCH
    assert int(0.95 * 150_000) // 32 == tagging.NUS_WIDE_EPOCH


@pytest.mark.parametrize(("dataset", "share"), [("flickr30k", 4), ("iapr_tc12", 30)])
def test_fewer_pairs_have_fewer_steps_in_every_phase(dataset, share):
    coco, fewer = (experiments.get(f"{d}_captions/s_cnn_rnn") for d in ("coco", dataset))
    assert fewer.unary.head_only_steps == coco.unary.head_only_steps // share
    for stage in ("unary", "relational", "joint"):
        assert getattr(fewer, stage).steps == getattr(coco, stage).steps // share


@pytest.mark.parametrize("dataset", PAPER_TAGS)
def test_the_cnns_of_table_1_and_2_train_with_dropout(dataset):
    assert experiments.get(f"{dataset}/s_cnn_rnn").encoder.fc_dropout == 0.5


def test_captions_have_the_numbers_of_section_5_1():
    config = experiments.get("coco_captions/s_cnn_rnn")
    assert (config.encoder.name, config.encoder.weights) == ("inception_v3", "imagenet")
    assert (config.data.num_concepts, config.data.max_vocab_size) == (1_000, 12_000)
    assert (config.decoder.cells, config.decoder.word_embedding) == (512, 512)
    assert config.decoder.activation == "relu"
    unary = config.unary
    assert (unary.optimizer, unary.learning_rate, unary.batch_size) == ("rmsprop", 1e-4, 32)
    assert (unary.head_only_steps, unary.steps) == (10_000, 30_000)
    assert (config.relational.steps, config.joint.steps) == (1_000_000, 500_000)
    assert (config.relational.optimizer, config.relational.learning_rate) == ("rmsprop", 1e-4)
    assert (config.joint.optimizer, config.joint.learning_rate) == ("rmsprop", 1e-4)
    assert (config.decoding.method, config.decoding.beam_width) == ("beam", 3)


def test_captions_have_im2txts_values_where_the_paper_is_silent():
    config = experiments.get("coco_captions/s_cnn_rnn")
    assert config.decoder.initializer_range == 0.08
    assert (config.decoder.input_dropout, config.decoder.output_dropout) == (0.3, 0.3)
    assert config.encoder.feature_dropout == pytest.approx(0.2)
    assert round(299 * config.image.resize_ratio) == 346
    assert config.image.color_jitter
    assert config.data.min_word_count == 4
    assert (config.decoding.max_steps, config.decoding.length_normalisation) == (19, 0.0)
    assert not config.decoding.block_repeats
    assert config.unary.encoder_weight_decay == config.joint.encoder_weight_decay == 4e-5
    assert config.joint.weight_decay == 0
    step_zero = experiments.get("coco_captions/nic").conditionings[0]
    assert step_zero.kind == "step_zero" and step_zero.input_dropout


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("custom")])
def test_what_the_paper_says_once_holds_everywhere(name):
    config = experiments.get(name)
    # Sec. 3.1: h0 linear in the embedding; c0 = 0. Xu et al. start otherwise.
    for conditioning in () if name.endswith("/soft_attention") else config.conditionings:
        if conditioning.kind != "attribute_attention":
            assert (conditioning.activation, conditioning.states) == ("linear", "hidden")
    # Eq. 4 is unweighted.
    assert (config.joint.unary_weight, config.joint.relational_weight) == (1.0, 1.0)
    # The statistics of batch normalisation move in the unary stage alone; the CNN learns slower.
    assert (config.unary.update_batch_norm, config.joint.update_batch_norm) == (True, False)
    # The demo's CNN starts from nothing, and so has no first weights to keep.
    slower = 1.0 if name.startswith("demo_") else 0.1
    assert (config.unary.encoder_rate, config.joint.encoder_rate) == (1.0, slower)
    assert config.concepts.tag_hidden_units == 256
    rmsprop = config.relational
    assert (rmsprop.rho, rmsprop.momentum, rmsprop.epsilon) == (0.9, 0.0, 1e-7)


FEATURES_ALONE = {
    "concepts.supervised": False,
    "conditionings.0.embedding": "features",
    "stages": ("joint",),
}
CNN_ALONE = {
    "conditionings": (),
    "decoder": None,
    "decoding.method": "top_k",
    "stages": ("unary",),
}
OUTPUT_FUSION = {
    "data.label_order": "frequent_first",
    "conditionings.0.kind": "output_fusion",
    "decoder.word_embedding": 64,
    "decoder.tie_output": True,
}


@pytest.mark.parametrize("dataset", [*PAPER_TAGS, "demo_tags"])
@pytest.mark.parametrize(
    ("system", "other", "difference"),
    [
        ("ria", "s_cnn_rnn", FEATURES_ALONE),
        ("cnn_rnn", "ria", OUTPUT_FUSION),
        ("cnn_logistic", "s_cnn_rnn", CNN_ALONE),
        ("cnn_softmax", "cnn_logistic", {"concepts.loss": "softmax"}),
        ("cnn_warp", "cnn_logistic", {"concepts.loss": "warp"}),
        ("s_cnn_rnn_tag1k_fix", "s_cnn_rnn_tag1k", {"encoder.trainable": False}),
        ("s_cnn_rnn_detached", "s_cnn_rnn", {"conditionings.0.stop_gradient": True}),
        ("s_cnn_rnn_from_scratch", "s_cnn_rnn", {"stages": ("joint",)}),
        ("s_cnn_rnn_frequent_first", "s_cnn_rnn", {"data.label_order": "frequent_first"}),
    ],
)
def test_tag_systems_differ_in_what_the_papers_say(dataset, system, other, difference):
    assert differing(f"{dataset}/{system}", f"{dataset}/{other}") == difference


@pytest.mark.parametrize("dataset", PAPER_TAGS)
def test_side_information_is_1000_tags_and_a_pretrained_perceptron(dataset):
    epoch = experiments.get(f"{dataset}/s_cnn_rnn").unary.validate_every_steps
    difference = {"data.num_user_tags": 1_000, "unary.tag_only_steps": 5 * epoch}
    assert differing(f"{dataset}/s_cnn_rnn_tag1k", f"{dataset}/s_cnn_rnn") == difference
    alone = differing(f"{dataset}/cnn_logistic_tag1k", f"{dataset}/cnn_logistic")
    assert alone == difference


@pytest.mark.parametrize("dataset", ["coco_captions", "flickr8k_captions", "demo_captions"])
@pytest.mark.parametrize(
    ("system", "other", "difference"),
    [
        ("nic_f", "s_cnn_rnn", FEATURES_ALONE),
        # Table 4, row by row: Lu is added, then its prediction becomes the embedding.
        ("nic_deeply", "nic_f", {"concepts.supervised": True, "stages": ("unary", "joint")}),
        (
            "s_cnn_rnn",
            "nic_deeply",
            {
                "conditionings.0.embedding": "concepts",
                "stages": ("unary", "relational", "joint"),
            },
        ),
        ("nic_f_step_zero", "nic_f", {"conditionings.0.kind": "step_zero"}),
        ("nic", "nic_f_step_zero", {"decoder.activation": "tanh"}),
        ("s_cnn_rnn_detached", "s_cnn_rnn", {"conditionings.0.stop_gradient": True}),
        ("s_cnn_rnn_from_scratch", "s_cnn_rnn", {"stages": ("joint",)}),
    ],
)
def test_caption_systems_differ_in_what_the_papers_say(dataset, system, other, difference):
    assert differing(f"{dataset}/{system}", f"{dataset}/{other}") == difference


@pytest.mark.parametrize("dataset", ["demo", "flickr8k", "coco", "flickr30k", "iapr_tc12"])
def test_mrnn_has_the_layers_of_mao_et_al(dataset):
    config = experiments.get(f"{dataset}_captions/mrnn")
    decoder, (conditioning,) = config.decoder, config.conditionings
    assert (decoder.word_embedding, decoder.second_embedding, decoder.cells) == (128, 256, 256)
    assert (decoder.cell, decoder.activation) == ("additive_rnn", "relu")
    assert (conditioning.kind, conditioning.width) == ("multimodal_output", 512)
    assert conditioning.embedding == "features"
    assert config.joint.weight_decay > 0
    assert (config.stages, config.concepts.supervised) == (("joint",), False)
    # The published features are fixed; the demo's small CNN has no first weights to fix.
    assert config.encoder.trainable is (dataset == "demo")
    difference = differing(f"{dataset}_captions/mrnn_no_image", f"{dataset}_captions/mrnn")
    assert difference == {"conditionings.0.embedding": "none"}


def test_the_frozen_control_differs_where_the_cnn_would_train():
    fixed = {"encoder.trainable": False}
    assert differing("coco_captions/s_cnn_rnn_fix", "coco_captions/s_cnn_rnn") == fixed
    assert differing("flickr8k_captions/s_cnn_rnn_fix", "flickr8k_captions/s_cnn_rnn") == fixed


def test_the_demo_is_small_and_its_captions_keep_left_and_right():
    for name in ("demo_tags/s_cnn_rnn", "demo_captions/s_cnn_rnn"):
        config = experiments.get(name)
        assert (config.data.dataset, config.encoder.name) == ("demo", "small_cnn")
        assert config.encoder.weights is None
        assert sum(s.steps for s in (config.unary, config.relational, config.joint)) < 2_000
    assert not experiments.get("demo_captions/s_cnn_rnn").image.random_flip


@pytest.mark.parametrize("dataset", ["coco_captions", "flickr8k_captions", "demo_captions"])
def test_attention_is_another_conditioning_beside_the_one_that_sets_the_state(dataset):
    ours, attending = (
        experiments.get(f"{dataset}/{system}") for system in ("s_cnn_rnn", "s_cnn_rnn_attention")
    )
    first, attention = attending.conditionings
    assert (first,) == ours.conditionings
    assert (attention.kind, attention.embedding) == ("soft_attention", "spatial_features")
    assert attending.stages == ("unary", "joint")
    xu = experiments.get(f"{dataset}/soft_attention")
    assert xu.conditionings[1] == attention
    assert xu.conditionings[0].states == "both"
    assert xu.embeddings_read == {"spatial_features"}
    assert not xu.concepts.supervised
