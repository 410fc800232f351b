"""The decoding benchmark at toy size: its ways find the same captions."""

import numpy as np
import pytest

from eval import interleaved
from eval.benchmark_decode import (
    RandomDecoder,
    Sizes,
    batched_decoder,
    contests,
    decode_image_by_image,
)
from eval.interleaved import INSTEAD, LIMIT

RULES = {"beam_width": 3, "max_steps": 9}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_captions_have_the_lengths_forced_on_them(dtype):
    decoder = RandomDecoder(vocab_size=40, num_cells=16)
    lengths = np.int32([1, 4, 8, 100])
    found = batched_decoder(decoder, dtype, **RULES)(lengths)
    assert (found >= 0).sum(axis=1).tolist() == [1, 4, 8, 9]
    assert np.all(found != 0)


@pytest.mark.parametrize("beam_width", [1, 3])
def test_the_image_by_image_loop_follows_the_same_rules(beam_width):
    decoder, rules = RandomDecoder(vocab_size=40, num_cells=16), {**RULES, "beam_width": beam_width}
    lengths = np.int32([1, 2, 5, 8, 100, 100])
    expected = decode_image_by_image(decoder, lengths, **rules)
    np.testing.assert_array_equal(batched_decoder(decoder, **rules)(lengths), expected)


@pytest.mark.large
def test_every_contest_has_the_plain_way_first_and_the_limit_last():
    sizes = Sizes(vocab_size=40, num_cells=16, max_steps=6)
    rows = interleaved.run_all(contests(images=5, sizes=sizes), 1, str)
    names = [row["contest"] for row in rows]
    greedy, beam = "greedy, 5 images, all steps", "beam of 3, 5 images, lengths of captions"
    assert (names.count(greedy), names.count(beam)) == (5, 7)
    roles = [row["role"] for row in rows if row["contest"] == beam]
    assert roles[0] == INSTEAD and roles[-1] == LIMIT
