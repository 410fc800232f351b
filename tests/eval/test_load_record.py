"""The attack judges its record; the server stands it for a minute."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from eval.load_record import Crowd, Record, attack, summary
from eval.load_server import own_server

ROOT = Path(__file__).parents[2]
CLIENTS, ATTACKERS, IDLE = 12, 48, 500
# Short enough for slow clients to be answered within a round of 20 seconds.
TIMES = ("--header_secs=3", "--body_secs=8", "--idle_secs=5")


def test_ratio_and_memory_are_of_medians_and_the_peak():
    record = Record(
        secs=[[1.0, 1.0], [3.0, 3.0], [1.0], [9.0], [2.0], [2.0]], memory=[900.0, 1500.0, 1000.0]
    )
    assert record.percentiles(0) == [1.0, 1.0, 2.0] and record.percentiles(1) == [3.0, 9.0, 2.0]
    assert record.ratio() == 3.0 and record.grown() == 600.0
    record.answers["slow header"] = Counter({408: 2, 429: 1})
    record.faults["a good request: 500"] = 2
    said = summary(record)
    assert "the medians' ratio is 3.0" in said and "408: 2, 429: 1" in said
    assert "2 x a good request: 500" in said


@pytest.mark.large
def test_an_attack_of_a_minute_costs_good_clients_a_bounded_time(monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    with own_server("models/flickr8k_captions", "model", TIMES) as address:
        record = asyncio.run(attack(address, "model", 60.0, 3, Crowd(CLIENTS, ATTACKERS, IDLE)))
    print(summary(record))
    assert not record.faults, record.faults
    for name in ("slow header", "slow body", "far too many", "another site's page"):
        assert sum(record.answers[name].values()), name
    assert record.ratio() <= 4.0, record.secs
    assert record.grown() <= 1200
    assert "Stopped; every accepted request was answered." in capfd.readouterr().out
