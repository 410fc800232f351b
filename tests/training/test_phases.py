"""What each stage feeds and trains; the joint gradient that the paper's method lives by."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import WARM_STARTS, EncoderConfig, ImageConfig
from semreg_tf.data import batch
from semreg_tf.models import caffenet, encoder
from semreg_tf.models.annotator import GROUPS, Annotator
from semreg_tf.models.encoder import encoder_spec
from semreg_tf.training.optimizers import build_groups
from semreg_tf.training.phases import find_stage
from semreg_tf.training.train_step import Gradients

CONCEPTS, VOCAB, BATCH = 12, 13, 4


def make(toy, name):
    config = toy(experiments.get(name))
    annotator = Annotator(config, CONCEPTS, VOCAB)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, VOCAB, (BATCH, 1, 5))
    tensors = {
        batch.IMAGE: tf.constant(rng.normal(size=(BATCH, 32, 32, 3)), tf.float32),
        batch.FEATURES: tf.constant(rng.normal(size=(BATCH, annotator.feature_size)), tf.float32),
        batch.CONCEPTS: tf.constant(rng.random((BATCH, CONCEPTS)) < 0.3, tf.float32),
        batch.USER_TAGS: tf.constant(rng.random((BATCH, 10)) < 0.3, tf.float32),
        batch.INPUT_IDS: tf.constant(ids, tf.int32),
        batch.TARGET_IDS: tf.constant(ids, tf.int32),
        batch.PADDING_MASK: tf.ones(ids.shape, tf.bool),
    }
    return config, annotator, tensors


def gradient_norms(config, annotator, tensors, stage, loss):
    phase = find_stage(config, stage).phases[-1]
    own = {k: tensors[k] for k in phase.keys if k in tensors}
    norms = {}
    with tf.GradientTape(persistent=True) as tape:
        made = phase.loss(annotator, own, tf.constant([0, 0]))
    for group in GROUPS:
        variables = [v.value for v in annotator.variables(group)]
        gradients = [g for g in tape.gradient(made[loss], variables) if g is not None]
        norms[group] = float(tf.linalg.global_norm(gradients)) if gradients else 0.0
    return norms


@pytest.mark.parametrize("name", ["demo_tags/s_cnn_rnn", "demo_captions/s_cnn_rnn"])
def test_gradient_of_lr_reaches_the_cnn_through_the_concepts(toy, name):
    norms = gradient_norms(*make(toy, name), "joint", "relational_loss")
    assert norms["encoder"] > 0
    assert norms["image_head"] > 0
    assert norms["decoder"] > 0


def test_detached_control_cuts_it_and_lu_still_trains_the_cnn(toy):
    made = make(toy, "demo_tags/s_cnn_rnn_detached")
    norms = gradient_norms(*made, "joint", "relational_loss")
    assert norms["encoder"] == 0
    assert norms["image_head"] == 0
    assert norms["decoder"] > 0
    assert gradient_norms(*made, "joint", "unary_loss")["encoder"] > 0


def test_fix_leaves_the_cnn_and_trains_head_tags_and_decoder(toy):
    norms = gradient_norms(*make(toy, "demo_tags/s_cnn_rnn_tag1k_fix"), "joint", "relational_loss")
    assert norms["encoder"] == 0
    assert norms["image_head"] > 0
    assert norms["tag_model"] > 0


def test_nic_deeply_decodes_from_features_past_the_concept_head(toy):
    made = make(toy, "demo_captions/nic_deeply")
    norms = gradient_norms(*made, "joint", "relational_loss")
    assert norms["image_head"] == 0
    assert norms["encoder"] > 0
    assert gradient_norms(*made, "joint", "unary_loss")["image_head"] > 0


def test_relational_stage_reads_no_image_and_trains_the_decoder_alone(toy):
    config, annotator, tensors = make(toy, "demo_tags/s_cnn_rnn")
    (phase,) = find_stage(config, "relational").phases
    assert batch.IMAGE not in phase.keys
    assert phase.groups == ("decoder",)
    norms = gradient_norms(config, annotator, tensors, "relational", "loss")
    assert norms["encoder"] == norms["image_head"] == 0


def pretrained_on_features(config):
    return dataclasses.replace(config, stages=("relational", "joint"))


def test_decoder_of_features_can_be_pretrained_on_cached_ones(toy):
    config, annotator, tensors = make(toy, "demo_captions/nic_f")
    config = pretrained_on_features(config)
    (phase,) = find_stage(config, "relational").phases
    assert phase.keys[0] == batch.FEATURES and batch.IMAGE not in phase.keys
    assert batch.CONCEPTS not in phase.keys
    norms = gradient_norms(config, annotator, tensors, "relational", "loss")
    assert norms["decoder"] > 0
    assert norms["encoder"] == norms["image_head"] == 0


def test_prediction_layer_can_read_cached_features_while_the_cnn_rests(toy):
    config = toy(experiments.get("coco_captions/s_cnn_rnn"))
    unary = dataclasses.replace(config.unary, head_only_cached=True)
    layer, everything = find_stage(dataclasses.replace(config, unary=unary), "unary").phases
    assert batch.FEATURES in layer.keys and batch.IMAGE not in layer.keys
    assert batch.IMAGE in everything.keys and batch.FEATURES not in everything.keys


def test_unary_phases_are_tags_alone_then_layer_then_all(toy):
    config = toy(experiments.get("coco_tags/s_cnn_rnn_tag1k"))
    first, last = find_stage(config, "unary").phases
    assert (first.groups, batch.IMAGE in first.keys) == (("tag_model",), False)
    assert last.groups == ("encoder", "image_head", "tag_model")
    captions = toy(experiments.get("coco_captions/s_cnn_rnn"))
    layer, everything = find_stage(captions, "unary").phases
    assert "image_head" in layer.groups and "encoder" not in layer.groups
    assert (layer.steps, everything.steps) == (1, 2)


def test_the_users_tags_mlp_is_a_new_layer_and_learns_as_fast_as_the_head(toy):
    config = toy(experiments.get("coco_tags/s_cnn_rnn_tag1k"))
    for phase in find_stage(config, "unary").phases:
        rates = {g.name: g.learning_rate / config.unary.learning_rate for g in phase.trained}
        assert rates.pop("encoder", 1.0) == 1.0
        assert list(rates.values()) == pytest.approx([10.0] * len(rates))
    slower = dataclasses.replace(config, unary=dataclasses.replace(config.unary, tag_rate=2.0))
    first = find_stage(slower, "unary").phases[0]
    assert first.trained[0].learning_rate == pytest.approx(2 * config.unary.learning_rate)


def test_the_cnn_has_a_weight_decay_of_its_own(toy):
    config = toy(experiments.get("coco_captions/s_cnn_rnn"))
    (joint,) = find_stage(config, "joint").phases
    decays = {g.name: g.weight_decay for g in joint.trained}
    assert decays == {"encoder": 4e-5, "image_head": 0.0, "tag_model": 0.0, "decoder": 0.0}
    section = dataclasses.replace(config.joint, encoder_weight_decay=None, weight_decay=0.1)
    (joint,) = find_stage(dataclasses.replace(config, joint=section), "joint").phases
    assert {g.weight_decay for g in joint.trained} == {0.1}


def test_dropout_inside_the_cnn_is_on_only_in_phases_that_train_it(toy):
    config = toy(experiments.get("coco_captions/s_cnn_rnn"))
    trains = {
        p.name: p.loss.trains_encoder for s in WARM_STARTS for p in find_stage(config, s).phases
    }
    expected = {"prediction layer": False, "all layers": True, "relational": False, "joint": True}
    assert trains == expected


def test_dropout_inside_the_cnn_is_drawn_from_seed_and_step(toy, monkeypatch):
    def build_small(inputs, with_top, dropout=0.0):
        return caffenet.build_caffenet(inputs, with_top, 0.01, dropout)

    spec = dataclasses.replace(encoder_spec("caffenet"), build=build_small)
    monkeypatch.setitem(encoder.ENCODERS, "caffenet", spec)
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    cnn = EncoderConfig(name="caffenet", weights=None, fc_dropout=0.5)
    config = dataclasses.replace(config, encoder=cnn, image=ImageConfig(size=67))
    annotator = Annotator(config, CONCEPTS, VOCAB)
    images = np.random.default_rng(0).normal(scale=60, size=(BATCH, 67, 67, 3))
    concepts = tf.ones((BATCH, CONCEPTS))
    tensors = {batch.IMAGE: tf.constant(images, tf.float32), batch.CONCEPTS: concepts}
    (phase,) = find_stage(config, "unary").phases
    gradients = Gradients(annotator, phase, build_groups(annotator, phase), True, False)
    seeds = ([0, 0], [0, 1], [0, 0])
    losses = [float(gradients(tensors, tf.constant(s), tf.ones(()))[0]["loss"]) for s in seeds]
    assert losses[0] == losses[2] != losses[1]
    loss = dataclasses.replace(phase.loss, trains_encoder=False, moves_statistics=False)
    resting = dataclasses.replace(phase, loss=loss)
    gradients = Gradients(annotator, resting, build_groups(annotator, resting), True, False)
    losses = {float(gradients(tensors, tf.constant(s), tf.ones(()))[0]["loss"]) for s in seeds}
    assert len(losses) == 1
    names = annotator.all_variables()
    bare = dataclasses.replace(config, encoder=dataclasses.replace(cnn, fc_dropout=0.0))
    assert names.keys() == Annotator(bare, CONCEPTS, VOCAB).all_variables().keys()


def test_a_stage_refuses_weights_that_it_has_no_use_for(toy):
    stage = find_stage(toy(experiments.get("demo_tags/s_cnn_rnn")), "unary")
    stage.check_warm_starts({"unary": None, "relational": None})
    message = r"`relational` must be None for the unary stage .* Received: relational='runs/r'"
    with pytest.raises(ValueError, match=message):
        stage.check_warm_starts({"relational": "runs/r"})


def test_frozen_encoder_reads_features(toy):
    config = toy(experiments.get("flickr8k_captions/s_cnn_rnn_fix"))
    assert all(
        batch.IMAGE not in p.keys for s in config.stages for p in find_stage(config, s).phases
    )


def test_first_relational_loss_is_about_log_vocabulary_a_word(toy):
    config, annotator, tensors = make(toy, "demo_captions/s_cnn_rnn")
    phase = find_stage(config, "relational").phases[0]
    own = {k: tensors[k] for k in phase.keys if k in tensors}
    made = phase.loss(annotator, own, tf.constant([0, 0]))
    np.testing.assert_allclose(made["loss_per_word"], np.log(VOCAB), rtol=0.1)


def test_a_stage_the_experiment_lacks_is_refused(toy):
    config = toy(experiments.get("demo_tags/ria"))
    with pytest.raises(ValueError, match=r"`stage` must be one of .*joint.*stage='unary'"):
        find_stage(config, "unary")


def test_the_decoder_can_train_alone_first_on_what_the_resting_parts_predict(toy):
    config = toy(experiments.get("demo_captions/nicv2"))
    alone, everything = find_stage(config, "joint").phases
    assert alone.groups == ("decoder",)
    assert everything.groups == GROUPS
    # One schedule over both.
    assert alone.loss.sampling == everything.loss.sampling is not None
    # Trained on predicted concepts: their ground truth is not read.
    assert batch.CONCEPTS not in alone.keys and batch.IMAGE in alone.keys
    assert alone.loss.concepts is None and not alone.loss.moves_statistics
    joint = dataclasses.replace(config.joint, decoder_only_cached=True)
    alone, everything = find_stage(dataclasses.replace(config, joint=joint), "joint").phases
    assert batch.FEATURES in alone.keys and batch.IMAGE not in alone.keys
    assert batch.IMAGE in everything.keys


def test_attributes_are_predicted_and_detectors_rest_when_words_are_learnt(toy):
    config, annotator, tensors = make(toy, "demo_captions/att")
    (phase,) = find_stage(config, "joint").phases
    assert phase.groups == ("decoder",)
    assert batch.CONCEPTS not in phase.keys
    own = {k: tensors[k] for k in phase.keys if k in tensors}
    with tf.GradientTape(persistent=True) as tape:
        made = phase.loss(annotator, own, tf.constant([0, 0]))
    np.testing.assert_allclose(
        made["loss"], made["relational_loss"] + made["attention_penalty"], rtol=1e-6
    )
    assert float(made["attention_penalty"]) > 0
    head = [v.value for v in annotator.variables("image_head")]
    assert tape.gradient(made["loss"], head) == [None] * len(head)
    decoder = [v.value for v in annotator.variables("decoder")]
    assert all(g is not None for g in tape.gradient(made["attention_penalty"], decoder[:1]))
