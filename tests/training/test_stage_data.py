"""Captions without pictures: read by the relational stage, and by no other."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data_prep.custom.custom_dataset_builder import Builder, CustomOptions
from data_prep.preparation import prepare
from semreg_tf import experiments
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, load_split, num_examples, training_batches
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.training.phases import find_stage
from semreg_tf.training.stage_data import StageData, extra_captions_of, num_pictures

CAPTIONS = ("a zebra .", "zebra zebra")


@pytest.fixture
def config(toy, tmp_path):
    path = tmp_path / "more.token"
    path.write_text("".join(f"zoo.jpg#{i}\t{c}\n" for i, c in enumerate(CAPTIONS)))
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    section = dataclasses.replace(config.relational, extra_captions=str(path))
    return dataclasses.replace(config, relational=section)


def stage_data(config, data_dir, name="relational"):
    builder, stage = find_builder(data_dir, "demo"), find_stage(config, name)
    extra = extra_captions_of(config, stage, builder)
    counts = extra.word_counts() if extra and config.relational.extra_words else None
    vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data, counts)
    return StageData(config, stage, builder, vocabularies, extra), stage


def test_the_relational_stage_reads_them_with_the_concepts_they_name(config, demo_data):
    data, stage = stage_data(config, demo_data)
    (phase,) = stage.phases
    inputs = data.training_inputs(SimpleNamespace(config=config), phase)
    assert inputs.split.num_sequences == data.train.num_sequences + 2
    pairs = next(iter(training_batches(inputs, inputs.split.num_sequences, seed=0)))
    rows = np.flatnonzero(pairs[batch.IMAGE_ID].numpy() == b"zoo.jpg")
    assert len(rows) == 2
    words = data.train.vocabularies
    named = {w for caption in CAPTIONS for w in caption.split()} & set(words.concepts.names)
    assert named
    for row in rows:
        found = np.flatnonzero(pairs[batch.CONCEPTS][row])
        assert {words.concepts.names[i] for i in found} == named
    said = {" ".join(words.output.decode(pairs[batch.TARGET_IDS][row, 0].numpy())) for row in rows}
    assert said == {"a <unk> .", "<unk> <unk>"}


def test_pictures_of_unknown_labels_train_no_tagger(tmp_path):
    """Two pictures have labels and two have captions alone, which say nothing of labels."""
    lines = ["file_name,captions,labels"]
    for i, columns in enumerate((",dog", ",sea", "A dog.,", "A cat.,")):
        Image.new("RGB", (40, 40), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{columns}")
    (tmp_path / "annotations.csv").write_text("\n".join(lines))
    options = CustomOptions(validation_share=0.0, test_share=0.0)
    prepare(Builder(data_dir=tmp_path / "data", options=options), tmp_path)
    builder = find_builder(tmp_path / "data", "custom")
    config = experiments.get("custom_tags/s_cnn_rnn")
    names = Vocabularies.from_dataset(builder.data_dir, config.data)
    split = load_split(builder, "train", names, config.data)
    assert {split.annotations[i].labels for i in split.annotated_rows} == {("dog",), ("sea",)}
    assert num_examples(Inputs(split, (batch.IMAGE, batch.CONCEPTS))) == 2
    assert num_pictures(config, builder) == 2
    both = experiments.get("custom_both/s_cnn_rnn")
    assert num_pictures(dataclasses.replace(both, labels=None), builder) == 2
    with pytest.raises(ValueError, match=r"images with captions and labels to learn.*no image has"):
        num_pictures(both, builder)


def test_lists_that_are_longer_than_the_models_are_told(toy, demo_data, caplog):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    data, _ = stage_data(config, demo_data, "joint")
    longest = max(len(a.labels) for a in data.train.annotations)
    assert "more labels" not in caplog.text
    decoding = dataclasses.replace(config.decoding, max_steps=longest - 1)
    stage_data(dataclasses.replace(config, decoding=decoding), demo_data, "joint")
    assert f"than the {longest - 1} that the model lists at most" in caplog.text
    assert f"set decoding.max_steps={longest + 1} to" in caplog.text


@pytest.mark.parametrize("name", ["unary", "joint"])
def test_other_stages_read_none(config, demo_data, name):
    data, stage = stage_data(config, demo_data, name)
    assert data.with_extra is data.train
    builder = find_builder(demo_data, "demo")
    assert extra_captions_of(config, stage, builder) is None


@pytest.mark.parametrize("name", ["unary", "relational", "joint"])
def test_their_words_join_the_vocabulary_of_every_stage_on_wish(config, demo_data, name):
    section = dataclasses.replace(config.relational, extra_words=True)
    config = dataclasses.replace(config, relational=section)
    data, _ = stage_data(config, demo_data, name)
    vocabularies = data.train.vocabularies
    index = vocabularies.output.entries.index
    assert vocabularies.output.counts[index["zebra"]] == 3
    assert "zebra" not in vocabularies.concepts.index


def test_validations_of_a_decoder_depend_on_the_decoding_and_the_images(config, demo_data):
    found = {}
    for name in ("unary", "relational"):
        data, stage = stage_data(config, demo_data, name)
        found[name] = data.validation_conditions(stage)
        assert json.loads(json.dumps(found[name])) == found[name]
    assert found["unary"] == {"validation_images": 4}
    assert found["relational"]["validation_images"] == 4
    assert found["relational"]["decoding"]["max_steps"] == config.decoding.max_steps
    section = dataclasses.replace(config.relational, validation_images=None)
    data, stage = stage_data(dataclasses.replace(config, relational=section), demo_data)
    # All of the split, as with any number above it.
    assert data.validation_conditions(stage)["validation_images"] == 8
