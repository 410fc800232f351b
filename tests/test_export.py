"""An exported model says to the token what the models say in Python, and needs TensorFlow alone."""

import dataclasses
import io
import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf import export as export_module
from semreg_tf.config_io import from_dict
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import UNKNOWN, Vocabularies
from semreg_tf.decoding.search import Search
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.served_annotator import ServedAnnotator, exported_decoding
from semreg_tf.models.annotator import Annotator

NAMES = (
    "demo_tags/s_cnn_rnn",
    "demo_captions/s_cnn_rnn",
    "demo_tags/cnn_logistic",
    "demo_tags/s_cnn_rnn_tag1k",
)


class Exported:
    """A toy annotator with random weights, its pictures, and its export."""

    def __init__(self, config, data_dir, folder):
        builder = find_builder(data_dir, "demo")
        self.config = config
        self.vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
        self.annotator = self.random_annotator()
        self.split = load_split(builder, "train", self.vocabularies, config.data)
        self.pictures = list(self.split.pictures(range(self.split.num_images)))
        self.path = self.export(folder / "model")
        self.signatures = tf.saved_model.load(str(self.path)).signatures

    def export(self, path, annotator=None):
        part = ExportPart(self.config, self.vocabularies, annotator or self.annotator)
        return export_parts([part], path)

    def random_annotator(self):
        """Weights so large, and END so likely, that pictures get different answers."""
        output = self.vocabularies.output
        annotator = Annotator(self.config, len(self.vocabularies.concepts), output.size)
        generator = np.random.default_rng(3 if self.config.data.task == "captions" else 0)
        for scale, model in ((5.0, annotator.head), (0.8, annotator.decoder)):
            for variable in [] if model is None else model.trainable_variables:
                variable.assign(scale * generator.normal(size=variable.shape))
        self.favour(annotator, output.end_id, 1.5)
        return annotator

    def favour(self, annotator, token_id, logit):
        """Adds to a token's logit at every step."""
        size = self.vocabularies.output.size
        for variable in [] if annotator.decoder is None else annotator.decoder.trainable_variables:
            if variable.shape == (size,):
                variable.assign(variable + logit * np.eye(size)[token_id])

    def in_python(self):
        """Concept probabilities, sequences of tokens and scores, without the export."""
        keys = (batch.IMAGE, batch.USER_TAGS) if self.vocabularies.user_tags else (batch.IMAGE,)
        inputs = Inputs(self.split, keys, self.config.image, self.config.image.size)
        (tensors,) = evaluation_batches(inputs, 64)
        outputs = self.annotator.encode(tensors)
        probabilities = outputs["concept_probabilities"].numpy()
        if self.annotator.decoder is None:
            best = np.argsort(-probabilities, kind="stable")[:, : self.config.decoding.top_k]
            names = self.vocabularies.concepts.names
            scores = np.log(np.take_along_axis(probabilities, best, 1)).sum(1, keepdims=True)
            return probabilities, [[[names[i] for i in ids]] for ids in best], scores
        output = self.vocabularies.output
        found = Search(
            exported_decoding(self.config), start_id=output.start_id, end_id=output.end_id
        )(*self.annotator.search_start(outputs))
        sequences = [[output.decode(ids) for ids in image] for image in found.token_ids.numpy()]
        return probabilities, sequences, found.scores.numpy()

    def user_tags(self):
        return [", ".join(annotation.user_tags) for annotation in self.split.annotations]

    def ask(self, pictures, tags=None):
        images = tf.constant(pictures, tf.string)
        if tags is None:
            return self.signatures["serving_default"](images=images)
        return self.signatures["serving_with_tags"](images=images, user_tags=tf.constant(tags))


_MADE = {}


@pytest.fixture
def exported(toy, demo_data, tmp_path_factory):
    """Returns an experiment's export, made once in this module."""

    def get(name):
        if name not in _MADE:
            keras.utils.set_random_seed(0)
            config = toy(experiments.get(name))
            if config.decoder is not None:
                # With ReLU such weights would overflow.
                decoder = dataclasses.replace(config.decoder, activation="tanh")
                config = dataclasses.replace(config, decoder=decoder)
            _MADE[name] = Exported(config, demo_data, tmp_path_factory.mktemp("export"))
        return _MADE[name]

    return get


def texts(answer):
    return [[text.decode() for text in row] for row in answer["annotations"].numpy()]


@pytest.mark.parametrize("name", NAMES)
def test_answers_equal_the_python_path_to_the_token(exported, name):
    model = exported(name)
    tags = model.user_tags() if model.vocabularies.user_tags else None
    answer = model.ask(model.pictures, tags)
    probabilities, sequences, scores = model.in_python()
    separator = " " if model.config.data.task == "captions" else ", "
    assert texts(answer) == [[separator.join(tokens) for tokens in row] for row in sequences]
    if model.config.data.task == "tags":
        # One by one, "" behind the last.
        labels = [
            [[x.decode() for x in one if x] for one in row] for row in answer["labels"].numpy()
        ]
        assert labels == sequences
    else:
        assert "labels" not in answer
    np.testing.assert_allclose(answer["concept_probabilities"], probabilities, atol=1e-5)
    np.testing.assert_allclose(answer["scores"], scores, rtol=1e-4, atol=1e-4)
    names = [x.decode() for x in answer["concept_names"].numpy()[0]]
    assert names == list(model.vocabularies.concepts.names)
    # The comparison would say little were all answers one, or all as long as they may be.
    assert len({row[0] for row in texts(answer)}) >= 4
    if model.annotator.decoder is not None:
        assert len({len(row[0]) for row in sequences}) >= 2
    if name == "demo_captions/s_cnn_rnn":
        assert len(sequences[0]) == model.config.decoding.beam_width == 3


@pytest.mark.parametrize("name", NAMES[:2])
def test_any_batch_size_gives_the_same_answers(exported, name):
    model = exported(name)
    pictures = model.pictures[:9]
    whole = texts(model.ask(pictures))
    for size in (1, 4):
        parts = [texts(model.ask(pictures[i : i + size])) for i in range(0, 9, size)]
        assert [row for part in parts for row in part] == whole


def test_outputs_are_as_tensorflow_serving_needs_them(exported):
    """Its row form takes outputs of one batch; text whose name ends so comes back in base64."""
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    pictures = tf.constant(model.pictures[:3])
    inputs = {
        "serving_default": {"images": pictures},
        "serving_with_tags": {"images": pictures, "user_tags": tf.constant([""] * 3)},
        "serve_features": {"features": tf.zeros((3, model.annotator.feature_size))},
    }
    for name, signature in model.signatures.items():
        answer = signature(**inputs[name])
        assert all(value.shape[0] == 3 for value in answer.values()), name
        assert not [n for n in answer if n.endswith("_bytes")]
        assert answer["concept_names"].shape == answer["concept_probabilities"].shape
        assert all(spec.shape[0] is None for spec in signature.structured_outputs.values())


def test_a_bad_picture_fails_alone_in_the_graph(exported):
    model = exported("demo_captions/s_cnn_rnn")
    good = model.pictures[:4]
    answer, expected = model.ask([good[0], b"bad", *good[1:], good[0][:200]]), model.ask(good)
    assert answer["valid"].numpy().tolist() == [True, False, True, True, True, False]
    rows = [0, 2, 3, 4]
    assert [texts(answer)[i] for i in rows] == texts(expected)
    np.testing.assert_allclose(
        answer["scores"].numpy()[rows], expected["scores"], rtol=1e-4, atol=1e-4
    )
    for i in (1, 5):
        assert texts(answer)[i] == [""] * 3
        assert not answer["scores"].numpy()[i].any()
        assert not answer["concept_probabilities"].numpy()[i].any()


def test_a_bad_picture_has_no_labels(exported):
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    answer = model.ask([b"bad", model.pictures[0]])
    bad, good = zip(answer["labels"].numpy(), answer["label_scores"].numpy(), strict=True)
    assert set(bad[0].ravel()) == {b""} and not bad[1].any()
    assert good[0].ravel()[0] and good[1].any()


def test_features_in_place_of_pictures(exported):
    model = exported("demo_captions/s_cnn_rnn")
    inputs = Inputs(model.split, (batch.IMAGE,), model.config.image, model.config.image.size)
    (tensors,) = evaluation_batches(inputs, 64)
    features = model.annotator.encoder({"image": tensors[batch.IMAGE]})["features"]
    answer = model.signatures["serve_features"](features=features)
    assert texts(answer) == texts(model.ask(model.pictures))


def test_unknown_words_read_as_in_the_vocabulary(exported):
    model = exported("demo_captions/s_cnn_rnn")
    annotator = model.random_annotator()
    model.favour(annotator, model.vocabularies.output.unknown_id, 100.0)
    served = ServedAnnotator(model.config, model.vocabularies, annotator, num_results=1)
    (answer,) = texts(served.serve(tf.constant(model.pictures[:1])))
    assert answer == [" ".join([UNKNOWN] * model.config.decoding.max_steps)]


def encoded_as(picture, image_format):
    buffer = io.BytesIO()
    PIL.Image.open(io.BytesIO(picture)).save(buffer, image_format)
    return buffer.getvalue()


def test_formats_may_be_mixed_in_a_batch(exported):
    model = exported("demo_tags/cnn_logistic")
    jpeg = model.pictures[:4]
    mixed = [
        jpeg[0],
        encoded_as(jpeg[1], "PNG"),
        encoded_as(jpeg[2], "BMP"),
        encoded_as(jpeg[3], "GIF"),
    ]
    answer, expected = (model.ask(p)["concept_probabilities"].numpy() for p in (mixed, jpeg))
    np.testing.assert_allclose(answer[:3], expected[:3], atol=0.02)
    # A GIF has 256 colours.
    assert np.abs(answer[3] - expected[3]).mean() < 0.05
    assert np.abs(expected[3] - expected[0]).mean() > 0.05


def test_without_tags_a_model_of_side_information_sees_none(exported):
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    assert set(model.signatures) == {"serving_default", "serve_features", "serving_with_tags"}
    without, empty = model.ask(model.pictures), model.ask(model.pictures, [""] * 40)
    assert texts(without) == texts(empty)
    assert texts(without) != texts(model.ask(model.pictures, model.user_tags()))
    assert "serving_with_tags" not in exported("demo_tags/s_cnn_rnn").signatures


def test_unknown_tags_are_counted_and_change_nothing(exported):
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    first, second = model.vocabularies.user_tags.names[:2]
    given = [
        f"{first},{second}",
        f" {second.upper()} ,  {first} , {first}",
        f"nosuchtag, {first},, {second}, another one ,",
        "nosuchtag",
        "",
    ]
    answer = model.ask(model.pictures[:1] * 5, given)
    assert answer["unknown_user_tags"].numpy().tolist() == [0, 0, 2, 1, 0]
    made = answer["concept_probabilities"].numpy()
    np.testing.assert_allclose(made[1:3], made[[0, 0]], atol=1e-6)
    np.testing.assert_allclose(made[3], made[4], atol=1e-6)
    assert np.abs(made[0] - made[4]).max() > 1e-3


def test_tags_of_the_vocabulary_may_have_capitals(exported):
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    names = ("Zürich", "zürich", *model.vocabularies.user_tags.names[2:])
    vocabularies = dataclasses.replace(model.vocabularies, user_tags=NameList(names, (1,) * 10))
    served = ServedAnnotator(model.config, vocabularies, model.annotator)
    pictures = tf.constant(model.pictures[:1] * 4)
    answer = served.serve_with_tags(pictures, tf.constant(["Zürich", "zürich", "ZÜRICH", ""]))
    assert answer["unknown_user_tags"].numpy().tolist() == [0, 0, 0, 0]
    capital, small, big, none = answer["concept_probabilities"].numpy()
    np.testing.assert_allclose(big, small, atol=1e-6)
    for one, other in ((capital, small), (capital, none), (small, none)):
        assert np.abs(one - other).max() > 1e-3


def test_vocabulary_and_config_travel_with_the_weights(exported):
    model = exported("demo_tags/s_cnn_rnn_tag1k")
    extra = model.path / "assets.extra"
    assert Vocabularies.load(extra).difference(model.vocabularies) is None
    info = json.loads((extra / "semreg_tf.json").read_text(encoding="utf-8"))
    assert from_dict(info["config"]) == model.config
    assert (info["task"], info["side_information"], info["image_size"]) == ("tags", True, 32)


def test_a_path_that_holds_something_else_is_refused_and_left_alone(exported, tmp_path):
    model = exported("demo_tags/cnn_logistic")
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    file = tmp_path / "holiday.jpg"
    for path in (tmp_path, file):
        message = (
            "`path` must be new or hold an earlier export: something else is there. "
            f"Received: path={str(path)!r}"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            model.export(path)
    assert file.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_exporting_again_replaces_and_a_failed_export_leaves_the_earlier(
    exported, tmp_path, monkeypatch
):
    model = exported("demo_tags/cnn_logistic")
    path = tmp_path / "new" / "model"
    other = model.random_annotator()
    other.head.trainable_variables[0].assign(-other.head.trainable_variables[0])
    assert model.export(path, other) == path
    (path / "people's").write_text("not an exporter's", encoding="utf-8")

    def answers():
        signatures = tf.saved_model.load(str(path)).signatures
        return texts(signatures["serving_default"](images=tf.constant(model.pictures)))

    before = answers()
    assert before != texts(model.ask(model.pictures))

    def full(*_, **__):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export_module.tf.saved_model, "save", full)
        with pytest.raises(OSError, match="No space"):
            model.export(path)
    assert answers() == before

    def killed(source, target, rename=os.replace):
        if target == path:
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(export_module.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            model.export(path)
    assert sorted(os.listdir(path.parent)) == [".model.semreg-export"]
    model.export(path)
    assert answers() == texts(model.ask(model.pictures))
    assert (path / "people's").exists()
    assert os.listdir(path.parent) == ["model"]


def test_an_annotator_of_features_alone_is_refused(exported, tmp_path):
    model = exported("demo_tags/cnn_logistic")
    annotator = Annotator(model.config, 20, 21, feature_size=7)
    message = "`annotator` must have an encoder: build it without `feature_size`. Received: an "
    with pytest.raises(ValueError, match=message):
        model.export(tmp_path / "model", annotator)


TENSORFLOW_ALONE = """
import sys
for name in ("semreg_tf", "tensorflow_datasets", "pydantic", "nltk", "PIL"):
    sys.modules[name] = None
import tensorflow as tf
path, *pictures = sys.argv[1:]
serve = tf.saved_model.load(path).signatures["serving_default"]
answer = serve(images=tf.stack([tf.io.read_file(picture) for picture in pictures]))
for row in answer["annotations"].numpy():
    print("\\t".join(text.decode() for text in row))
"""


def test_tensorflow_alone_serves_it(exported, tmp_path):
    model = exported("demo_captions/s_cnn_rnn")
    files = []
    for i, picture in enumerate(model.pictures[:3]):
        files.append(tmp_path / f"{i}.jpg")
        files[-1].write_bytes(picture)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", TENSORFLOW_ALONE, str(model.path), *map(str, files)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert found == texts(model.ask(model.pictures[:3]))
