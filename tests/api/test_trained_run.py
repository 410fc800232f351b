"""A trained run as an object says what its export says, and refuses what means nothing."""

import numpy as np
import pytest

import semreg_tf
from semreg_tf.export_run import export_run


@pytest.fixture(scope="module")
def run(tag_run):
    return semreg_tf.load_run(tag_run)


@pytest.fixture(scope="module")
def pictures():
    return [np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8) for i in range(3)]


def test_it_decodes_and_predicts_as_its_export_does(run, pictures, tag_run, tmp_path):
    exported = semreg_tf.load(export_run(tag_run, tmp_path / "export")[0]).annotate(pictures)
    decoded = run.decode(pictures)
    assert [x.text for x in decoded] == [x.text for x in exported]
    probabilities = run.predict(pictures)
    names = run.vocabularies.concepts.names
    assert probabilities.shape == (3, len(names)) and probabilities.dtype == np.float32
    for row, annotation in zip(probabilities, exported, strict=True):
        theirs = dict(annotation.concepts)
        np.testing.assert_allclose(row, [theirs[name] for name in names], rtol=1e-4)


def test_a_summary_names_what_it_is(run, tag_run):
    lines = run.summary().splitlines()
    assert lines[0] == f"demo_tags/s_cnn_rnn, joint stage, step 60 ({tag_run})"
    assert lines[1] == "tags of demo: 28 concepts, 29 output rows"
    parts = [line.split(":")[0] for line in lines[2:]]
    assert parts == ["encoder (small_cnn)", "head", "decoder"]
    counted = sum(int(line.split()[-3].replace(",", "")) for line in lines[2:])
    assert counted == sum(int(np.prod(v.shape)) for v in run.model.trainable_variables)


def test_it_is_scored_as_the_binary_scores_it(run, demo_data, tmp_path):
    results = run.evaluate(demo_data, "validation", out=tmp_path, num_pictures=0)
    assert results["split"] == "validation"
    again = semreg_tf.evaluate([run.path], demo_data, "validation", out=tmp_path, num_pictures=0)
    assert again["systems"] == results["systems"]


def test_pictures_that_cannot_be_read_are_told_by_shape(run):
    with pytest.raises(ValueError, match=r"\(height, width, 3\).*Received: float64 of \(4, 4\)"):
        run.predict([np.zeros((4, 4))])
    with pytest.raises(TypeError, match="`images` must be a list of pictures"):
        run.decode(np.zeros((4, 4, 3), np.uint8))


def test_no_run_is_refused():
    with pytest.raises(ValueError, match=r"`workdir` must be the folder of a run"):
        semreg_tf.load_run("/nowhere")
    with pytest.raises(ValueError, match=r"`workdir` must be given at least once"):
        semreg_tf.evaluate([], "data")
