"""What is read beside the picture: neighbours by user tags, groups; and what their heads train."""

import dataclasses
import logging
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments, losses
from semreg_tf.config import ConceptConfig, ConceptLayersConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split, training_batches
from semreg_tf.data.records import find_builder
from semreg_tf.data.tag_neighbours import Neighbours, nearest_by_tags
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.served_annotator import check_reads_pictures
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import build_concept_head
from semreg_tf.stopping import Stopped
from semreg_tf.training.features import frozen_features, frozen_outputs, side_keys
from semreg_tf.training.label_graph import set_label_graph
from semreg_tf.training.phase_loss import PhaseLoss
from semreg_tf.training.phases import find_stage
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.transfer import init_from, open_donor

NEIGHBOURS = (batch.NEIGHBOUR_FEATURES, batch.NEIGHBOUR_MASK)


def splits_of(config, demo_data):
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
    return {
        name: load_split(builder, name, vocabularies, config.data)
        for name in ("train", "validation")
    }


@pytest.mark.parametrize(
    ("system", "keys"),
    [
        ("s_cnn_rnn", ()),
        ("s_cnn_rnn_tag1k", (batch.USER_TAGS,)),
        ("tag_neighbours", (batch.USER_TAGS, *NEIGHBOURS)),
        ("tag_neighbours_alone", NEIGHBOURS),
        ("sinn", (batch.USER_TAGS, batch.GROUPS)),
        ("binn_no_groups", (batch.USER_TAGS,)),
    ],
)
def test_the_config_decides_what_is_read(toy, system, keys):
    config = toy(experiments.get(f"demo_tags/{system}"))
    assert side_keys(config) == keys
    if not config.has_tag_model and keys:
        (phase,) = find_stage(config, "unary").phases
        assert phase.keys == (batch.FEATURES, *keys, batch.CONCEPTS, batch.IMAGE_ID)


def test_neighbours_and_groups_come_with_the_batch(toy, demo_data):
    config = toy(experiments.get("demo_tags/sinn"))
    split = splits_of(config, demo_data)["train"]
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 2, 5)).astype("f")
    rows = rng.integers(-1, 40, (40, 3))
    keys = (batch.FEATURES, batch.GROUPS, *NEIGHBOURS, batch.IMAGE_ID)
    inputs = Inputs(split, keys, features=features, neighbours=Neighbours(rows, features))
    names = list(split.vocabularies.groups.names)
    known = {a.image_id: i for i, a in enumerate(split.annotations)}
    drawn = [next(iter(training_batches(inputs, 8, seed=1)))]
    for tensors in (*drawn, *evaluation_batches(inputs, 16)):
        assert set(tensors) == set(keys)
        for i, image_id in enumerate(tensors[batch.IMAGE_ID].numpy()):
            row = known[image_id.decode()]
            np.testing.assert_array_equal(tensors[batch.NEIGHBOUR_MASK][i], rows[row] >= 0)
            want = np.where(rows[row, :, None] >= 0, features[rows[row], 0], 0.0)
            np.testing.assert_array_equal(tensors[batch.NEIGHBOUR_FEATURES][i], want)
            own = {names[j] for j in np.flatnonzero(tensors[batch.GROUPS][i])}
            assert own == {g for g in split.annotations[row].groups if g in names}


def test_neighbours_of_other_images_are_refused(toy, demo_data):
    split = splits_of(toy(experiments.get("demo_tags/ria")), demo_data)["train"]
    message = "`neighbours` must be those of the split's 40 images where 'neighbour_features' is"
    for neighbours, told in ((None, 0), (Neighbours(np.zeros((3, 2), int), None), 3)):
        with pytest.raises(ValueError, match=f"{message}.*of {told} images"):
            Inputs(split, NEIGHBOURS, neighbours=neighbours)
    with pytest.raises(ValueError, match="'groups' only where the vocabularies have groups"):
        Inputs(split, (batch.GROUPS,))


def test_layers_that_are_predicted_add_their_own_loss():
    rng = np.random.default_rng(0)
    sizes = {"concept": 4, "groups": 3, "user_tags": 5}
    outputs = {
        f"{k}_logits": tf.constant(rng.normal(size=(2, n)), tf.float32) for k, n in sizes.items()
    }
    truth = {k: tf.constant(rng.random((2, n)) < 0.5, tf.float32) for k, n in sizes.items()}
    truth[batch.CONCEPTS] = truth.pop("concept")
    annotator = SimpleNamespace(labels=None, encode=lambda *_, **__: outputs)
    made = {}
    for layers in ((), ("groups",), ("groups", "user_tags")):
        loss = PhaseLoss(concepts=ConceptConfig(), layers=layers)
        made[layers] = float(loss(annotator, truth, tf.constant([0, 0]))["loss"])
        want = losses.sigmoid_concept_loss(outputs["concept_logits"], truth[batch.CONCEPTS])
        for layer in layers:
            want += losses.sigmoid_concept_loss(outputs[f"{layer}_logits"], truth[layer])
        assert made[layers] == pytest.approx(float(tf.reduce_mean(want)), rel=1e-5)
    assert len(set(made.values())) == 3


def test_predicted_layers_are_trained_and_not_read(toy):
    config = toy(experiments.get("demo_tags/sinn"))
    layers = ConceptLayersConfig(observed=("user_tags",))
    config = dataclasses.replace(
        config, concepts=dataclasses.replace(config.concepts, layers=layers)
    )
    assert side_keys(config) == (batch.USER_TAGS,)
    (phase,) = find_stage(config, "unary").phases
    assert phase.loss.layers == (batch.GROUPS,)
    assert batch.GROUPS in phase.keys


def test_the_graph_is_that_of_the_training_split(toy, demo_data, caplog):
    config = toy(experiments.get("demo_tags/sinn"))
    layers = ConceptLayersConfig(positive_pictures=3, negative_expected=0.5)
    config = dataclasses.replace(
        config, concepts=dataclasses.replace(config.concepts, layers=layers)
    )
    split = splits_of(config, demo_data)["train"]
    size = len(split.vocabularies.concepts)
    head, _ = build_concept_head(config, 6, size)
    with caplog.at_level(logging.INFO):
        set_label_graph(SimpleNamespace(config=config, head=head), split)
    assert "Relations of groups to concepts" in caplog.text
    messages = {v.name: np.asarray(v) for v in head.get_layer("messages").variables}
    within = messages["down_1_to_1_positive_mask"]
    assert (np.diag(within) == 1).all() and 0 < within.mean() < 1
    np.testing.assert_array_equal(within, within.T)
    np.testing.assert_array_equal(within, messages["up_1_to_1_positive_mask"])
    labels = [set(a.labels) for a in split.annotations]
    names = split.vocabularies.concepts.names
    excluded = messages["down_1_to_1_negative_mask"]
    for i, j in zip(*np.nonzero(excluded), strict=True):
        assert not any({names[i], names[j]} <= own for own in labels)
    groups = messages["down_0_to_1_positive_mask"]
    assert groups.shape == (5, size) and groups.any() and not groups.all()


def test_an_export_of_what_it_could_not_be_fed_is_refused():
    check_reads_pictures(
        SimpleNamespace(head=SimpleNamespace(input={"features": 0, "user_tags": 0}))
    )
    read = {"features": 0, "groups": 0, "neighbour_mask": 0}
    message = (
        "`annotator` must read pictures, and user tags at most: what this one reads besides is "
        "known of a prepared data set's pictures alone, so evaluate its run there "
        "(eval.evaluate_tags). Received: an annotator that reads groups, neighbour_mask"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        check_reads_pictures(SimpleNamespace(head=SimpleNamespace(input=read)))


@pytest.mark.large
@pytest.mark.parametrize("pool", ["split", "train"])
def test_neighbours_are_sought_in_the_stated_pool(toy, demo_data, tmp_path, pool):
    config = toy(experiments.get("demo_tags/tag_neighbours"))
    neighbours = dataclasses.replace(config.concepts.neighbours, pool=pool)
    config = dataclasses.replace(
        config, concepts=dataclasses.replace(config.concepts, neighbours=neighbours)
    )
    splits = splits_of(config, demo_data)
    split = splits["validation"]
    annotator = Annotator(config, len(split.vocabularies.concepts), split.vocabularies.output.size)
    keys = (batch.FEATURES, *NEIGHBOURS)
    made = frozen_outputs(annotator, split, tmp_path, keys, lambda: splits["train"])
    source = split if pool == "split" else splits["train"]
    want = np.concatenate(list(nearest_by_tags(split.tag_sets(), source.tag_sets(), 6)))
    np.testing.assert_array_equal(made["neighbours"].rows, want)
    features = frozen_features(config, annotator, source, tmp_path)
    np.testing.assert_array_equal(made["neighbours"].features, features)


@pytest.mark.large
def test_another_kind_of_head_is_left_and_the_cnn_taken(toy, demo_data, tag_run):
    config = toy(experiments.get("demo_tags/sinn"))
    split = splits_of(config, demo_data)["train"]
    annotator = Annotator(config, len(split.vocabularies.concepts), split.vocabularies.output.size)
    taken = init_from(annotator, split.vocabularies, open_donor(tag_run))
    assert taken["encoder"] == "whole"
    assert taken["concepts"].startswith("nothing: the head has no rows")


@pytest.mark.large
@pytest.mark.parametrize("system", ["tag_neighbours", "sinn"])
def test_a_run_that_was_stopped_ends_in_the_same_weights(toy, demo_data, tmp_path, system):
    config = toy(experiments.get(f"demo_tags/{system}"), steps=4)
    section = dataclasses.replace(config.unary, checkpoint_every_steps=2)
    config = dataclasses.replace(config, unary=section)
    whole = Trainer(config, "unary", demo_data, tmp_path / "whole")
    whole.train()
    parts = Trainer(config, "unary", demo_data, tmp_path / "parts")
    take = parts._take_step

    def stop_after_two(run, step):
        logs = take(run, step)
        parts._stopping = step == 1
        return logs

    parts._take_step = stop_after_two
    with pytest.raises(Stopped, match="Stopped at step 2"):
        parts.train()
    again = Trainer(config, "unary", demo_data, tmp_path / "parts")
    again.train()
    ours, theirs = (t.annotator.all_variables() for t in (again, whole))
    assert ours.keys() == theirs.keys()
    for name, variable in ours.items():
        np.testing.assert_array_equal(variable, theirs[name], err_msg=name)
