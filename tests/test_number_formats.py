import logging

import pytest

from semreg_tf import number_formats
from semreg_tf.number_formats import bfloat16_ratio, chosen_precision, scores_in_bfloat16


@pytest.fixture(autouse=True)
def nothing_said_before():
    number_formats._warn_of_slow.cache_clear()


@pytest.fixture
def machine(monkeypatch, caplog):
    """`machine(ratio, gpu=False)`: one whose product in bfloat16 is so many times as fast."""
    caplog.set_level(logging.INFO)

    def with_ratio(ratio, gpu=False):
        monkeypatch.setattr(number_formats, "bfloat16_ratio", lambda: ratio)
        monkeypatch.setattr(number_formats, "_has_gpu", lambda: gpu)

    return with_ratio


def test_the_ratio_is_that_of_the_times_of_a_product(monkeypatch):
    secs = iter([2.0, 1.0, 4.0, 1.0, 3.0, 1.0] * 7)
    monkeypatch.setattr(number_formats, "_seconds", lambda product: next(secs))
    monkeypatch.setattr(number_formats, "_product", lambda dtype: dtype)
    bfloat16_ratio.cache_clear()
    assert bfloat16_ratio() == 3.0
    bfloat16_ratio.cache_clear()


def test_it_is_measured_here():
    bfloat16_ratio.cache_clear()
    assert 0.01 < bfloat16_ratio() < 100


@pytest.mark.parametrize(
    ("ratio", "encoder", "trains", "gpu", "chosen"),
    [
        (2.0, "squeezenet_v1_1", True, False, "mixed_bfloat16"),
        (1.05, "squeezenet_v1_1", True, False, "float32"),
        (0.55, "squeezenet_v1_1", True, False, "float32"),
        (2.0, "efficientnet_lite0", True, False, "float32"),
        (2.0, "efficientnet_lite0", False, False, "mixed_bfloat16"),
        (2.0, "efficientnet_lite0", True, True, "mixed_bfloat16"),
    ],
)
def test_auto_takes_what_is_faster(machine, caplog, ratio, encoder, trains, gpu, chosen):
    machine(ratio, gpu)
    assert chosen_precision("auto", encoder, trains) == chosen
    assert f"Precision: {chosen} (a matrix product in bfloat16 is {ratio:.2f} times" in caplog.text


def test_a_slow_one_that_is_asked_for_is_taken_with_one_warning(machine, caplog):
    machine(0.55)
    for _ in range(2):
        assert chosen_precision("mixed_bfloat16", "inception_v3", True) == "mixed_bfloat16"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "`precision` is 'mixed_bfloat16'" in record.message
    assert "at 0.55 times the speed of float32: use float32 or auto" in record.message


def test_depthwise_convolutions_in_bfloat16_are_warned_of(machine, caplog):
    machine(2.0)
    assert chosen_precision("mixed_bfloat16", "efficientnet_lite2", True) == "mixed_bfloat16"
    assert "the depthwise convolutions of efficientnet_lite2 are slower on a CPU" in caplog.text


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_other_formats_are_taken_unmeasured(monkeypatch, precision):
    monkeypatch.setattr(number_formats, "bfloat16_ratio", lambda: pytest.fail("measured"))
    assert chosen_precision(precision, "inception_v3", True) == precision
    assert scores_in_bfloat16(False) is False


def test_words_are_scored_in_what_is_faster_or_as_asked(machine, caplog):
    machine(2.0)
    assert scores_in_bfloat16("auto") is True
    assert scores_in_bfloat16(True) is True
    assert not caplog.records
    machine(0.9)
    assert scores_in_bfloat16("auto") is False
    assert scores_in_bfloat16(True) is True
    assert "`decoding.bfloat16_output` is True" in caplog.text
