"""Captions and labels trained together: one CNN, two heads and decoders, one sum of losses."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import semreg_tf
from semreg_tf import experiments
from semreg_tf.config import Config, DataConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, training_batches
from semreg_tf.data.targets import encode_annotations
from semreg_tf.decoder_config import LabelsConfig
from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions
from semreg_tf.evaluation.runs.options import CaptionOptions
from semreg_tf.export_run import export_run
from semreg_tf.label_task import label_config
from semreg_tf.training import workdir
from semreg_tf.training.phase_run import _with_labels
from semreg_tf.training.phases import find_stage
from semreg_tf.training.progress import PhaseProgress, Progress
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

BOTH = "demo_both/s_cnn_rnn"


@pytest.fixture(scope="module")
def runs(toy, demo_data, tmp_path_factory):
    """Work directories of the three stages, by their names."""
    folder, config, found = tmp_path_factory.mktemp("both"), toy(experiments.get(BOTH), 4), {}
    for stage in config.stages:
        options = TrainerOptions(**found) if stage == "joint" else None
        Trainer(config, stage, demo_data, folder / stage, options).train()
        found[stage] = folder / stage
    return found


def test_labels_go_beside_captions_alone():
    message = "`labels` may be given only for captions"
    with pytest.raises(ValueError, match=message):
        Config(data=DataConfig(task="tags"), labels=LabelsConfig())
    with pytest.raises(ValueError, match=message):
        Config(data=DataConfig(num_user_tags=5), labels=LabelsConfig())
    config = experiments.get(BOTH)
    inside = label_config(config)
    assert (inside.data.task, inside.decoding.method, inside.labels) == ("tags", "greedy", None)
    assert inside.decoder.word_embedding == 256 and inside.encoder == config.encoder
    with pytest.raises(ValueError, match="`config` must have `labels`"):
        label_config(inside)
    for stage in config.stages:
        assert " + " in find_stage(config, stage).phases[-1].metric_name


def test_keys_of_the_labels_have_names_of_their_own():
    tensors = {batch.CONCEPTS: tf.zeros((1, 2)), batch.IMAGE: tf.zeros((1, 3))}
    made = _with_labels(tensors, {batch.CONCEPTS: tf.ones((1, 5))})
    assert set(made) == {"concepts", "image", "label_concepts"}
    assert made["label_concepts"].shape == (1, 5) and made["concepts"].shape == (1, 2)


@pytest.mark.large
def test_each_stage_reads_the_labels_of_its_own_images_and_trains_both(toy, demo_data, tmp_path):
    config = toy(experiments.get(BOTH))
    trainer = Trainer(config, "joint", demo_data, tmp_path / "joint")
    (phase,) = trainer.phases
    run = trainer._open(phase, Progress(phases=[PhaseProgress(phase.name)]))
    tensors = next(run._batches)
    by_id = {a.image_id: a for a in trainer.data.train.annotations}
    labels = trainer.vocabularies.labels
    for i, image_id in enumerate(tensors[batch.IMAGE_ID].numpy()):
        hot = tensors["label_concepts"].numpy()[i]
        assert {labels.names[j] for j in np.flatnonzero(hot)} == set(
            by_id[image_id.decode()].labels
        )
        ids = tensors["label_target_ids"].numpy()[i, 0][tensors["label_padding_mask"][i, 0]]
        assert ids[-1] == len(labels) and {labels.names[j] for j in ids[:-1]} == set(
            by_id[image_id.decode()].labels
        )
    # The loss is the sum of what each model alone has on the same features.
    run.close(0)
    seed, annotator = tf.constant([0, 0]), trainer.annotator
    both = phase.loss(annotator, tensors, seed)
    alone = phase.loss._of_one(annotator, tensors, seed, True, 0)
    own = {k: tensors[f"label_{k}"] for k in batch.LABEL_KEYS}
    of_labels = phase.loss._of_one(
        annotator.for_labels(), {batch.IMAGE: tensors[batch.IMAGE], **own}, seed, True, 0
    )
    together = float(alone["loss"] + of_labels["loss"])
    assert float(both["loss"]) == pytest.approx(together, rel=1e-5)
    assert both["label_unary_loss"] > 0 and both["label_relational_loss"] > 0
    groups = {g: len(annotator.variables(g)) for g in ("encoder", "image_head", "decoder")}
    single = annotator.for_labels()
    assert groups["encoder"] == len(single.variables("encoder")) > 0
    assert groups["decoder"] == len(single.variables("decoder")) * 2
    # Lu and Lr of both tasks reach the first layer of the CNN.
    names = ("unary_loss", "relational_loss", "label_unary_loss", "label_relational_loss")
    first = annotator.variables("encoder")[0].value
    with tf.GradientTape(persistent=True) as tape:
        computed = phase.loss(annotator, tensors, seed)
    for name in names:
        gradient = tape.gradient(computed[name], first)
        assert gradient is not None and np.abs(gradient).max() > 0, name


@pytest.mark.large
def test_all_stages_train_evaluate_and_export_as_one_model(runs, demo_data, tmp_path):
    config, vocabularies, annotator = workdir.load_annotator(runs["joint"])
    earlier = {s: workdir.load_annotator(runs[s])[2] for s in ("unary", "relational")}
    assert vocabularies.labels is not None and (runs["joint"] / "labels.txt").exists()
    # The joint run began with both tasks' decoders: its own training moved them little.
    for part, stage in (("decoder", "relational"),):
        ours = annotator.labels.decoder.variables[0].numpy()
        theirs = earlier[stage].labels.decoder.variables[0].numpy()
        assert 0 < np.abs(ours - theirs).max() < 0.1, part
    told = CaptionOptions(meteor=False, num_pictures=0)
    captions = evaluate_captions(runs["joint"], demo_data, told)
    told = {"cnn_path": runs["unary"], "num_pictures": 0}
    tags = semreg_tf.evaluate(runs["joint"], demo_data, task="tags", **told)
    assert captions["captions"]["CIDEr"] >= 0
    assert tags["num_images"] == 8 and "ours" in tags["systems"]
    assert (runs["joint"] / "labels" / "results.json").exists()
    path, _ = export_run(runs["joint"], tmp_path / "both")
    model = semreg_tf.load(path)
    assert model.tasks == ("captions", "tags") and model.info["encoders"] == 1
    card = (path / "MODEL.md").read_text(encoding="utf-8")
    assert "CIDEr" in card and "O-F1" in card
    picture = np.full((30, 40, 3), 120, np.uint8)
    (found,) = model.annotate([picture])
    assert set(found.labels) <= set(vocabularies.labels.names)
    assert len(set(found.labels)) == len(found.labels) == len(found.label_scores)
    assert len(found.n_best) == config.decoding.beam_width and found.text == found.n_best[0][0]
    assert {name for name, _ in found.concepts} == set(vocabularies.concepts.names)
    assert len(found.label_probabilities) == len(vocabularies.labels)
    with pytest.raises(ValueError, match="once alone"):
        export_run([runs["joint"], runs["joint"]], tmp_path / "no")
    with pytest.raises(ValueError, match="`task` must be one of captions, tags"):
        semreg_tf.evaluate(runs["joint"], demo_data, task="both")


@pytest.mark.large
def test_a_run_goes_on_as_if_it_had_not_stopped(toy, demo_data, tmp_path):
    config = toy(experiments.get(BOTH), 4)
    # A falling rate would depend on the number of steps.
    joint = dataclasses.replace(config.joint, schedule="constant")
    config = dataclasses.replace(config, joint=joint)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(config, "joint", demo_data, whole).train()
    joint = dataclasses.replace(config.joint, checkpoint_every_steps=2, steps=2)
    Trainer(dataclasses.replace(config, joint=joint), "joint", demo_data, parts).train()
    Trainer(config, "joint", demo_data, parts).train()
    ours, theirs = (workdir.load_annotator(p)[2].all_variables() for p in (parts, whole))
    for name, variable in ours.items():
        np.testing.assert_allclose(variable.numpy(), theirs[name].numpy(), atol=1e-6, err_msg=name)


@pytest.mark.large
def test_pictures_without_captions_train_neither_task(toy, demo_data, tmp_path):
    """Both pipelines draw from the images with captions, though every image has labels."""
    config = toy(experiments.get(BOTH))
    data = Trainer(config, "joint", demo_data, tmp_path / "joint").data
    kept = [
        a if i % 2 else dataclasses.replace(a, captions=(), tokens=())
        for i, a in enumerate(data.train.annotations)
    ]
    encoded = encode_annotations(kept, data.train.vocabularies, config.data, for_training=True)
    data.train = dataclasses.replace(data.train, annotations=kept, encoded=encoded)
    (phase,) = find_stage(config, "joint").phases
    labels = data.label_inputs(phase)
    assert labels.training_rows.tolist() == list(range(1, len(kept), 2))
    captions = Inputs(
        data.train,
        (batch.CONCEPTS, batch.IMAGE_ID, *batch.SEQUENCE_KEYS),
        rows=data.train.annotated_rows,
    )
    # Nor do those whose labels are not known.
    known = [a if i < 5 else dataclasses.replace(a, labels=()) for i, a in enumerate(kept)]
    unknown = dataclasses.replace(label_config(config).data, without_labels="unknown")
    encoded = encode_annotations(known, data.label_train.vocabularies, unknown)
    few = dataclasses.replace(data.label_train, annotations=known, encoded=encoded)
    data.label_train, all_labels = few, data.label_train
    assert data.label_inputs(phase).training_rows.tolist() == [1, 3]
    assert data._rows_of_both(phase).tolist() == [1, 3]
    data.label_train = all_labels
    owns = dataclasses.replace(labels, keys=(*labels.keys, batch.IMAGE_ID))
    pairs = zip(
        training_batches(captions, 8, 0).take(3), training_batches(owns, 8, 0).take(3), strict=True
    )
    for ours, theirs in pairs:
        assert ours[batch.IMAGE_ID].numpy().tolist() == theirs[batch.IMAGE_ID].numpy().tolist()
