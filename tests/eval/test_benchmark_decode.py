"""The decoding benchmark at toy size: its ways agree, and its rows say what they should."""

import numpy as np
import pytest

from eval.benchmark_decode import (
    RandomDecoder,
    Sizes,
    batched_decoder,
    decode_image_by_image,
    format_row,
    run,
)

RULES = {"beam_width": 3, "max_steps": 9}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_captions_have_the_lengths_forced_on_them(dtype):
    decoder = RandomDecoder(vocab_size=40, num_cells=16)
    lengths = np.int32([1, 4, 8, 100])
    found = batched_decoder(decoder, dtype, **RULES)(lengths)
    assert (found >= 0).sum(axis=1).tolist() == [1, 4, 8, 9]
    assert np.all(found != 0)


def test_the_image_by_image_loop_follows_the_same_rules():
    decoder = RandomDecoder(vocab_size=40, num_cells=16)
    lengths = np.int32([1, 2, 5, 8, 100, 100])
    expected = decode_image_by_image(decoder, lengths, **RULES)
    np.testing.assert_array_equal(batched_decoder(decoder, **RULES)(lengths), expected)


def test_every_way_has_a_row():
    lines = []
    rows = run([5], Sizes(vocab_size=40, num_cells=16, max_steps=6), repeats=1, report=lines.append)
    assert [row["way"] for row in rows] == [
        "image by image",
        "batched",
        "batched, XLA",
        "batched, bfloat16 output",
        "image by image",
        "batched",
        "batched, dropping",
        "batched, dropping, bfloat16 output",
    ]
    assert lines == [format_row(row) for row in rows]
    for row in rows:
        assert row["part"] == "decode"
        assert row["batch_size"] == 5
        assert row["captions_per_sec"] > 0.0
        if "bfloat16" not in row["way"]:
            assert row["same_ids"] == 1.0
    baselines = [row["times_baseline"] for row in rows if row["way"] == "image by image"]
    assert baselines == [1.0, 1.0]
