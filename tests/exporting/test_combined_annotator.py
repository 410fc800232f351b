"""A captioner and a tag model in one export say together what each says alone."""

import copy
import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.export import export_parts
from semreg_tf.exporting.combined_annotator import CombinedAnnotator
from semreg_tf.exporting.export_part import ExportPart, in_order, share_encoder
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.inference import load
from semreg_tf.models.annotator import Annotator

CAPTIONS, TAGS, TAGS_READING_TAGS = (
    "demo_captions/s_cnn_rnn",
    "demo_tags/s_cnn_rnn",
    "demo_tags/s_cnn_rnn_tag1k",
)


@pytest.fixture(scope="module")
def part(toy, demo_data):
    """Makes parts with random weights, once: `part(name, encoder_seed)`, of equal seeds one CNN."""
    made = {}

    def get(name, encoder_seed=0):
        if (name, encoder_seed) not in made:
            config = toy(experiments.get(name))
            decoder = dataclasses.replace(config.decoder, activation="tanh")
            config = dataclasses.replace(config, decoder=decoder)
            folder = find_builder(demo_data, "demo").data_dir
            vocabularies = Vocabularies.from_dataset(folder, config.data)
            keras.utils.set_random_seed(encoder_seed)
            annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
            rng = np.random.default_rng(1)
            for model in (annotator.head, annotator.decoder):
                for variable in model.trainable_variables:
                    variable.assign(rng.normal(size=variable.shape))
            made[name, encoder_seed] = ExportPart(config, vocabularies, annotator)
        return made[name, encoder_seed]

    return get


def pictures(count=4):
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 255, (1, 1, 3)) * np.ones((30, 40, 3)) for _ in range(count)]
    return tf.constant([tf.io.encode_png(p.astype(np.uint8)).numpy() for p in pixels])


def served(*parts, shared):
    models = []
    for i, each in enumerate(parts):
        annotator = each.annotator
        if shared and i:
            annotator = copy.copy(annotator)
            annotator.encoder = None
        models.append(ServedAnnotator(each.config, each.vocabularies, annotator))
    return models


@pytest.mark.large
@pytest.mark.parametrize("seed", [0, 1])
def test_both_answers_equal_those_of_each_model_alone(part, seed):
    parts = part(CAPTIONS), part(TAGS, seed)
    shared = share_encoder(*parts)
    assert shared == (seed == 0)
    alone = [model.serve(pictures()) for model in served(*parts, shared=False)]
    both = CombinedAnnotator(*served(*parts, shared=shared)).serve(pictures())
    for name, value in alone[0].items():
        _assert_equal(both[name], value)
    for name, own in (
        ("labels", "labels"),
        ("label_scores", "label_scores"),
        ("label_list_scores", "scores"),
        ("label_names", "concept_names"),
        ("label_probabilities", "concept_probabilities"),
    ):
        _assert_equal(both[name], alone[1][own])
    # The comparison says something: pictures differ in their answers.
    assert len(np.unique(alone[1]["concept_probabilities"])) > 40


def _assert_equal(ours, theirs):
    if ours.dtype.is_floating:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    else:
        assert ours.numpy().tolist() == theirs.numpy().tolist()


def test_a_shared_encoder_is_stored_once_and_runs_once(part):
    parts = part(CAPTIONS), part(TAGS)
    captioner, tagger = served(*parts, shared=True)
    runs, encoder = [], captioner.annotator.encoder

    def counted(inputs, training):
        runs.append(training)
        return encoder(inputs, training=training)

    captioner.annotator.encoder = counted
    CombinedAnnotator(captioner, tagger).serve(pictures())
    assert runs == [False]
    names = [variable.name for variable in tagger.weights.stored]
    assert names and not [name for name in names if "encoder" in name]


@pytest.mark.large
def test_user_tags_reach_the_model_that_reads_them(part):
    parts = part(CAPTIONS), part(TAGS_READING_TAGS)
    models = served(*parts, shared=share_encoder(*parts))
    known = parts[1].vocabularies.user_tags.names[0]
    both = CombinedAnnotator(*models)
    answer = both.serve_with_tags(pictures(2), tf.constant([f"{known}, nosuch", ""]))
    assert answer["unknown_user_tags"].numpy().tolist() == [1, 0]
    without = both.serve(pictures(2))
    _assert_equal(answer["scores"], without["scores"])
    moved = np.abs(answer["label_probabilities"] - without["label_probabilities"]).max(axis=1)
    assert moved[0] > 1e-3 and moved[1] < 1e-6


def test_runs_that_cannot_go_together_are_refused_in_one_line(part):
    captions, tags = part(CAPTIONS), part(TAGS)
    assert in_order(tags, captions) == (captions, tags)
    with pytest.raises(ValueError, match="must hold a run on captions and a run on tags") as error:
        in_order(tags, part(TAGS_READING_TAGS))
    assert "\n" not in str(error.value) and TAGS in str(error.value)
    image = dataclasses.replace(tags.config.image, resize_ratio=1.2)
    other = dataclasses.replace(tags, config=dataclasses.replace(tags.config, image=image))
    with pytest.raises(ValueError, match=r"image.resize_ratio=1.0 of .*, 1.2 of") as error:
        share_encoder(captions, other)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="one model, or a captioner and a tag model"):
        export_parts([captions] * 3, "nowhere")


@pytest.mark.large
def test_an_export_of_two_is_loaded_and_annotates(part, tmp_path):
    parts = part(CAPTIONS), part(TAGS)
    path = export_parts(parts[::-1], tmp_path / "both")
    model = load(path)
    assert model.tasks == ("captions", "tags") and model.task == "captions"
    assert model.info["encoders"] == 1 and model.info["tags"]["config"]["name"] == TAGS
    singles = [load(export_parts([p], tmp_path / p.task)) for p in parts]
    given = list(pictures().numpy())
    for both, captions, tags in zip(*(m.annotate(given) for m in (model, *singles)), strict=True):
        assert (both.text, len(both.n_best)) == (captions.text, len(captions.n_best))
        assert both.labels == tags.labels and both.n_best_labels == tags.n_best_labels
        assert len(set(both.labels)) == len(both.labels) == len(both.label_scores)
        assert [name for name, _ in both.concepts] == [name for name, _ in captions.concepts]
        assert [name for name, _ in both.label_probabilities] == [n for n, _ in tags.concepts]
    size = [sum(p.stat().st_size for p in (m / "variables").iterdir()) for m in _folders(tmp_path)]
    assert size[0] < size[1] + size[2]
    card = (path / "MODEL.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {CAPTIONS} and {TAGS}\n") and "run once" in card
    extra = path / "assets.extra"
    assert Vocabularies.load(extra / "tags").difference(parts[1].vocabularies) is None
    # The tag model's files are held by their digests too.
    text = (extra / "tags" / "concepts.txt").read_text()
    (extra / "tags" / "concepts.txt").write_text(text + "x\n")
    with pytest.raises(ValueError, match=r"concepts.txt"):
        load(path)
    assert json.loads((extra / "tags" / "config.json").read_text())["config"]["name"] == TAGS


def _folders(path):
    return path / "both", path / "captions", path / "tags"
