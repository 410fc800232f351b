"""A real export behind the server's rows: equal to the Python path, one bad picture alone."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.models.annotator import Annotator
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.served_model import ServedModel, json_values

TAGGED = "demo_tags/cnn_logistic_tag1k"


@pytest.fixture(scope="module")
def tagger(toy, demo_data, tmp_path_factory):
    """Folder of an export with side information and random weights."""
    keras.utils.set_random_seed(0)
    config = toy(experiments.get(TAGGED))
    vocabularies = Vocabularies.from_dataset(find_builder(demo_data, "demo").data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
    part = ExportPart(config, vocabularies, annotator)
    return export_parts([part], tmp_path_factory.mktemp("models") / "tagger")


@pytest.fixture(scope="module")
def model(tagger):
    return ServedModel(tagger)


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    arrays = generator.integers(0, 255, (3, 40, 52, 3), dtype=np.uint8)
    return [tf.io.encode_png(array).numpy() for array in arrays]


def test_rows_equal_the_python_path(model, pictures):
    tags = ["sea, no such tag", "", "sun"]
    rows = [{"images": p, "user_tags": t} for p, t in zip(pictures, tags, strict=True)]
    found = model.predict("serving_with_tags", rows)
    expected = model.exported.annotate(pictures, tags)
    for row, annotation in zip(found, expected, strict=True):
        assert row["annotations"][0] == annotation.text
        named = dict(zip(row["concept_names"], row["concept_probabilities"], strict=True))
        assert named == pytest.approx(dict(annotation.concepts), abs=1e-6)
    assert [row["unknown_user_tags"] > 0 for row in found] == [True, False, False]
    json.dumps(found, allow_nan=False)


def test_features_are_taken_too(model):
    width = model.signatures["serve_features"].inputs["features"]
    assert len(model.predict("serve_features", [{"features": [0.5] * width}] * 2)) == 2


def test_a_picture_that_tensorflow_cannot_decode_fails_alone(model, pictures):
    rows = [{"images": p} for p in (pictures[0], b"none", pictures[1], pictures[2], b"")]
    found = model.predict("serving_default", rows)
    assert [isinstance(answer, Refusal) for answer in found] == [False, True, False, False, True]
    alone = model.predict("serving_default", rows[3:4])[0]
    assert found[3]["concept_probabilities"] == pytest.approx(alone["concept_probabilities"])


def test_user_tags_are_looked_up_counted_and_bounded_in_the_graph(model, pictures):
    known = model.names("user_tags.txt", 2)[0]
    ask = model.exported.signatures["serving_with_tags"]

    def answers(*tags):
        images = tf.constant([pictures[0]] * len(tags))
        return {k: v.numpy() for k, v in ask(images=images, user_tags=tf.constant(tags)).items()}

    both = ",".join(known)
    found = answers(
        both, f" {known[1].upper()},,{known[0]} , {known[0]}", "", "," * 65_536, b"\xff"
    )
    assert found["valid"].tolist() == [True, True, True, True, True]
    probabilities = found["concept_probabilities"]
    np.testing.assert_allclose(probabilities[0], probabilities[1], atol=1e-6)
    np.testing.assert_allclose(probabilities[2], probabilities[3], atol=1e-6)
    assert np.abs(probabilities[0] - probabilities[2]).max() > 1e-4
    assert found["unknown_user_tags"].tolist() == [0, 0, 0, 0, 1]
    # One of too many is refused alone, its neighbour answered as ever.
    found = answers("," * 65_537, both)
    assert found["valid"].tolist() == [False, True] and found["annotations"][0, 0] == b""
    np.testing.assert_allclose(found["concept_probabilities"][1], probabilities[0], atol=1e-6)


def test_signatures_and_metadata_say_what_can_be_asked(model):
    assert model.signatures["serving_with_tags"].inputs == {"images": None, "user_tags": None}
    assert model.signatures["serving_default"].inputs == {"images": None}
    assert model.card().read_text().startswith("# demo_tags/")
    found = model.metadata()
    assert found["model_spec"] == {"name": "tagger", "signature_name": "", "version": "1"}
    signature = found["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["images"]["dtype"] == "DT_STRING"
    assert signature["inputs"]["images"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert set(found["metadata"]["signature_def"]["signature_def"]) == set(model.signatures)


def test_the_models_lists_are_read_without_their_first_line(model):
    names, number = model.names("user_tags.txt", 3)
    assert len(names) == 3 and number == 10 and "semreg_tf" not in names[0]
    assert model.names("nothing.txt", 3) == ([], 0)


def test_a_folder_of_versions_gives_the_highest(tagger, tmp_path):
    base = tmp_path / "beach"
    for name in ("9", "notes"):
        (base / name).mkdir(parents=True)
    shutil.copytree(tagger, base / "10")
    model = ServedModel(base)
    assert (model.name, model.version, model.path) == ("beach", 10, base / "10")
    assert ServedModel(base / "10", "sea").name == "sea"
    with pytest.raises(ValueError, match=r"`name` must be letters.* Received: name='a b'"):
        ServedModel(base, "a b")
    (base / "11").mkdir()
    with pytest.raises(ValueError, match=r"Received: path='.*/beach/11'"):
        ServedModel(base)


def test_values_become_json():
    assert json_values(np.array([[b"a", "é".encode()]], object)) == [["a", "é"]]
    assert json_values(np.array([1.5, -np.inf, np.nan], np.float32)) == [1.5, None, None]
    assert json_values(np.array([[1, 2]])) == [[1, 2]]
    assert json_values(np.array([], object)) == []
