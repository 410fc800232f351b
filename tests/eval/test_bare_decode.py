"""The bare decode that the input is timed against."""

import numpy as np
import pytest

from eval.bare_decode import BareDecode
from eval.benchmark_input import drawn_picture


def test_every_file_is_decoded_whole_and_damage_is_seen():
    encoded = drawn_picture(np.random.default_rng(0))
    whole, damaged = BareDecode([encoded] * 3, 2), BareDecode([encoded, encoded[:-500]], 1)
    assert whole() > 0
    with pytest.raises(OSError, match="truncated"):
        damaged()
    for decode in (whole, damaged):
        decode.close()
