"""The annotating benchmark at toy size: every way annotates all pictures."""

import pytest

from eval import benchmark_annotate, interleaved
from eval.interleaved import INSTEAD, LIMIT, OURS


@pytest.mark.large
def test_every_way_takes_part():
    contests = benchmark_annotate.contests(
        ["small_cnn"], num_pictures=4, vocab_size=1_000, batch_size=2
    )
    rows = interleaved.run_all(contests, 1, str)
    assert [row["role"] for row in rows] == [INSTEAD, OURS, OURS, LIMIT]
    assert {row["contest"] for row in rows} == {"small_cnn, 96 pixels, beam of 3"}
