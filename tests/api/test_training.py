"""Building and training by name or by config, the stages in folders of their own."""

import pytest

import semreg_tf


@pytest.fixture
def config(toy):
    return toy(semreg_tf.experiments.get("demo_tags/s_cnn_rnn"))


def test_stages_start_from_those_trained_before(config, demo_data, tmp_path):
    first = semreg_tf.train(config, demo_data, tmp_path, stages=["relational"])
    assert list(first) == ["relational"] and first["relational"]["steps"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["relational"]
    second = semreg_tf.train(config, demo_data, tmp_path, stages=["joint"])
    sources = " ".join(map(str, second["joint"]["weights_from"].values()))
    assert str(tmp_path / "relational") in sources
    with pytest.raises(ValueError, match=r"the relational stage is fed the true|sees images"):
        semreg_tf.load_run(tmp_path / "relational").predict([])


def test_an_interrupted_stage_is_not_passed_over(config, demo_data, tmp_path):
    semreg_tf.train(config, demo_data, tmp_path, ["unary"])
    (tmp_path / "unary" / "train_results.json").unlink()
    with pytest.raises(ValueError, match=r"`stages` must include 'unary', which was interrupted"):
        semreg_tf.train(config, demo_data, tmp_path, ["joint"])
    assert not (tmp_path / "joint").exists()


def test_unknown_stages_are_refused(config, demo_data, tmp_path):
    for stages in (["jont"], []):
        with pytest.raises(ValueError, match="`stages` must be some of 'unary', 'relational'"):
            semreg_tf.train(config, demo_data, tmp_path, stages=stages)


def test_models_are_built_for_the_data_or_for_given_sizes(config, demo_data):
    annotator = semreg_tf.build(config, data_dir=demo_data)
    assert annotator.num_concepts == 28 and annotator.vocab_size == 29
    smaller = semreg_tf.build(config, num_concepts=3, vocab_size=4)
    assert smaller.model.output["token_logits"].shape[-1] == 4


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "`data_dir` must be given, or both"),
        ({"num_concepts": 3}, "num_concepts=3, vocab_size=None"),
        ({"num_concepts": 0, "vocab_size": 4}, "`num_concepts` must be a whole number above 0"),
        ({"num_concepts": 3, "vocab_size": 4.5}, "`vocab_size` must be a whole number above 0"),
    ],
)
def test_sizes_that_are_not_known_are_refused(config, sizes, message):
    with pytest.raises(ValueError, match=message):
        semreg_tf.build(config, **sizes)


def test_what_is_no_experiment_is_refused():
    with pytest.raises(TypeError, match=r"or an experiment's name\. Received: dict$"):
        semreg_tf.build({"name": "x"}, num_concepts=3, vocab_size=4)
    with pytest.raises(ValueError, match="did you mean 'demo_tags/ria'"):
        semreg_tf.train("demo_tags/ri", "data", "runs")
