import dataclasses

import keras
import pytest

from semreg_tf import config_io, experiments
from semreg_tf.training import precision
from semreg_tf.training.phases import find_stage
from semreg_tf.training.precision import dtype_policy_scope, with_precision


@pytest.fixture
def auto(toy):
    return dataclasses.replace(toy(experiments.get("demo_tags/s_cnn_rnn")), precision="auto")


@pytest.mark.parametrize(("name", "trains"), [("unary", True), ("relational", False)])
def test_a_stage_says_whether_it_trains_the_cnn(auto, tmp_path, monkeypatch, name, trains):
    asked = []

    def choose(*arguments):
        asked.append(arguments)
        return "mixed_bfloat16"

    monkeypatch.setattr(precision, "chosen_precision", choose)
    config = with_precision(auto, find_stage(auto, name), tmp_path)
    assert config.precision == "mixed_bfloat16"
    assert asked == [("auto", "small_cnn", trains)]


@pytest.mark.parametrize("began", ["float32", "mixed_bfloat16"])
def test_a_run_goes_on_in_what_it_began_with(auto, tmp_path, began):
    config_io.save(dataclasses.replace(auto, precision=began), str(tmp_path / "config.json"))
    assert with_precision(auto, find_stage(auto, "joint"), tmp_path).precision == began


def test_several_workers_do_not_each_decide(auto, tmp_path):
    with pytest.raises(ValueError, match=r"`precision` must be 'float32' or .*workers=2"):
        with_precision(auto, find_stage(auto, "joint"), tmp_path, num_workers=2)


def test_the_policy_is_set_for_the_block_alone():
    earlier = keras.config.dtype_policy().name
    with dtype_policy_scope("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == earlier
