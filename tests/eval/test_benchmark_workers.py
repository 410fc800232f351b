"""Two workers share a step on loopback, and both tell their processors' time."""

import pytest

from eval import benchmark_workers, interleaved
from eval.interleaved import INSTEAD, OURS


@pytest.mark.large
def test_one_process_and_two_workers_take_the_same_steps(monkeypatch):
    monkeypatch.setattr(
        benchmark_workers, "STAGES", {"relational": benchmark_workers.STAGES["relational"]}
    )
    rows = interleaved.run_all(benchmark_workers.contests((1, 2), 1), 1, str)
    assert [(row["way"], row["role"]) for row in rows] == [
        ("1 process", INSTEAD),
        ("2 workers", OURS),
    ]
    assert all(row["cpu_ms"] > 0 for row in rows)
