"""Runs that are judged: what fits together, what may be changed, what is predicted."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from semreg_tf.config import Config, DecodingConfig
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.predictions import predict
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun, override_decoding
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.files.digests import with_own_digest


@pytest.fixture(scope="module")
def alone(caption_runs, demo_data):
    run = EvaluatedRun(caption_runs[0], demo_data)
    return run, run.predict(run.split("test"), num_results=3)


def copy(path, folder):
    """Copies a run's description, without its weights."""
    folder.mkdir()
    for name in ("config.json", "vocabulary.txt", "concepts.txt"):
        shutil.copy(path / name, folder / name)
    return folder


def test_a_run_twice_predicts_as_alone(alone, caption_runs, demo_data):
    _, expected = alone
    twice = EvaluatedRun([caption_runs[0]] * 2, demo_data)
    made = twice.predict(twice.split("test"), num_results=3)
    assert made.image_ids == expected.image_ids
    assert made.sequences == expected.sequences
    np.testing.assert_allclose(made.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(made.concept_probabilities, expected.concept_probabilities)


def test_two_runs_average_their_concepts_and_say_something_else(alone, caption_runs, demo_data):
    _, first = alone
    other = EvaluatedRun(caption_runs[1], demo_data)
    both = EvaluatedRun(caption_runs, demo_data)
    split = both.split("test")
    second = other.concept_probabilities(split)
    assert np.abs(second - first.concept_probabilities).max() > 1e-4
    made = both.predict(split, num_results=3)
    mean = (first.concept_probabilities + second) / 2
    np.testing.assert_allclose(made.concept_probabilities, mean, rtol=1e-5)
    assert not np.allclose(made.scores, first.scores, rtol=1e-4)


def test_concept_probabilities_are_those_of_the_prediction(alone, caption_runs, demo_data):
    _, expected = alone
    run = EvaluatedRun(caption_runs[0], demo_data)
    made = run.concept_probabilities(run.split("test"))
    np.testing.assert_allclose(made, expected.concept_probabilities, rtol=1e-6)


def test_concepts_of_a_split_that_was_annotated_are_not_computed_again(alone, monkeypatch):
    run, expected = alone
    monkeypatch.setattr(run, "inputs", None)
    made = run.concept_probabilities(run.split("test"))
    assert made is expected.concept_probabilities


def test_decoding_is_overridden_and_no_results_are_padding(alone, caption_runs, demo_data):
    overrides = ["decoding.beam_width=1", "decoding.max_steps=1"]
    run = EvaluatedRun(caption_runs[0], demo_data, overrides)
    assert run.config.decoding == DecodingConfig(beam_width=1, max_steps=1)
    # One step of width 1 completes one caption at most, whatever is asked for.
    made = run.predict(run.split("test"), num_results=3)
    assert all(len(ranked) == 1 for ranked in made.sequences)
    assert np.isfinite([x for scores in made.scores for x in scores]).all()


def test_a_run_is_evaluated_on_two_views_by_an_override(alone, caption_runs, demo_data):
    run, expected = alone
    both = EvaluatedRun(caption_runs[0], demo_data, ["image.test_views=2"])
    split = both.split("test")
    (member,), mirrored = run.ensemble.members, []
    for (tensors,) in run.batches(split, "mirrored"):
        images = tensors["image"][:, :, ::-1]
        mirrored.append(member.encode({"image": images})["concept_probabilities"])
    mean = (expected.concept_probabilities + np.concatenate(mirrored)) / 2
    np.testing.assert_allclose(both.concept_probabilities(split), mean, rtol=1e-4)
    assert np.abs(mean - expected.concept_probabilities).max() > 1e-5


@pytest.mark.parametrize(
    "override", ["decoder.cells=9", "seed=1", "decoding=3", "decodingx.a=1", "image.size=9"]
)
def test_only_the_decoding_may_be_overridden(override):
    message = r"only decoding\.\*, reranking\.\* and image.test_views.*Received: --config\."
    with pytest.raises(ValueError, match=message + override):
        override_decoding(Config(), ["decoding.beam_width=2", override])


def test_a_wrong_decoding_is_refused_by_the_config():
    with pytest.raises(ValueError, match=r"decoding\.beam_width` must be at least 1"):
        override_decoding(Config(), ["decoding.beam_width=0"])
    with pytest.raises(ValueError, match="names no field 'width'"):
        override_decoding(Config(), ["decoding.width=2"])


def test_runs_of_other_vocabularies_are_refused(caption_runs, demo_data, tmp_path):
    other = copy(caption_runs[1], tmp_path / "other")
    vocabularies = Vocabularies.load(other)
    shorter = dataclasses.replace(vocabularies, concepts=vocabularies.concepts.head(11))
    shorter.save(other)
    about = json.loads((other / "config.json").read_text()) | {"digests": shorter.digests()}
    (other / "config.json").write_text(json.dumps(with_own_digest(about)))
    with pytest.raises(ValueError, match=r"differ: concepts: 12 names and 11\. Received: workdir="):
        EvaluatedRun([caption_runs[0], other], demo_data)


def test_runs_of_other_tasks_and_stages_are_refused(caption_runs, tag_run, demo_data, tmp_path):
    with pytest.raises(ValueError, match="differ: tasks: captions and tags"):
        EvaluatedRun([caption_runs[0], tag_run], demo_data)
    other = copy(caption_runs[1], tmp_path / "other")
    about = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**about, "stage": "unary"}))
    with pytest.raises(ValueError, match="differ: stages: joint and unary"):
        EvaluatedRun([caption_runs[0], other], demo_data)


def test_no_run_and_no_folder_are_refused(demo_data, tmp_path):
    with pytest.raises(ValueError, match=r"at least once\. Received: workdir=\[\]"):
        EvaluatedRun([], demo_data)
    with pytest.raises(ValueError, match="`workdir` must be the folder of a run"):
        EvaluatedRun(tmp_path / "typo", demo_data)


def test_tasks_and_stages_that_cannot_be_judged_are_refused(alone, monkeypatch):
    run, _ = alone
    run.check_task("captions")
    with pytest.raises(ValueError, match=r"must hold a run on tags\. Received: workdir="):
        run.check_task("tags")
    monkeypatch.setattr(run, "stage", "unary")
    with pytest.raises(ValueError, match=r"a trained decoder.*of the unary stage"):
        run.check_task("captions")
    monkeypatch.setattr(run, "stage", "relational")
    with pytest.raises(ValueError, match=r"fed the true concepts.*of the relational stage"):
        run.check_task("captions")


def test_a_cnn_of_other_concepts_or_data_is_refused(caption_runs, tag_run, demo_data, monkeypatch):
    run = EvaluatedRun(tag_run, demo_data)
    run.check_cnn(run)
    with pytest.raises(ValueError, match=r"must hold a run on tags\. "):
        run.check_cnn(EvaluatedRun(caption_runs[0], demo_data))
    cnn = EvaluatedRun(tag_run, demo_data)
    names = cnn.vocabularies.concepts
    fewer = dataclasses.replace(cnn.vocabularies, concepts=names.head(len(names) - 1))
    monkeypatch.setattr(cnn, "vocabularies", fewer)
    with pytest.raises(
        ValueError, match=r"`cnn` has another vocabulary: concepts: .*Received: cnn="
    ):
        run.check_cnn(cnn)
    cnn = EvaluatedRun(tag_run, demo_data)
    data = dataclasses.replace(cnn.config.data, dataset="other")
    monkeypatch.setattr(cnn, "config", dataclasses.replace(cnn.config, data=data))
    with pytest.raises(ValueError, match=r"`cnn` must be a run on 'demo'.*on 'other'"):
        run.check_cnn(cnn)


def test_without_sequences_none_are_searched(tag_run, demo_data, monkeypatch):
    run = EvaluatedRun(tag_run, demo_data)
    assert run.predict(run.split("test")).sequences
    monkeypatch.setattr(run, "stage", "unary")
    made = run.predict(run.split("test"))
    assert (made.sequences, made.scores) == ([], [])
    assert made.concept_probabilities.shape == (8, len(run.vocabularies.concepts))


def test_batches_do_not_change_a_prediction(alone):
    run, expected = alone
    split = run.split("test")
    batches = SplitBatches(run.inputs(split), 3)
    made = predict(run.ensemble, batches, run.vocabularies, run.config.decoding, num_results=3)
    assert made.sequences == expected.sequences
