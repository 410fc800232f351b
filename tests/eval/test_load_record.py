"""The attack judges its record; the server stands it for a minute."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from eval.load_attackers import Target
from eval.load_record import Crowd, Record, _Clients, attack, summary
from eval.load_server import own_server

ROOT = Path(__file__).parents[2]
CLIENTS, ATTACKERS, IDLE = 12, 48, 500
# Short enough for slow clients to be answered within a round of 20 seconds.
TIMES = ("--header_secs=3", "--body_secs=8", "--idle_secs=5")


def test_ratio_and_memory_are_of_medians_and_the_peak():
    record = Record(
        secs=[[1.0, 1.0], [3.0, 3.0], [1.0], [9.0], [2.0], [2.0]], memory=[900.0, 1500.0, 1000.0]
    )
    assert record.ratio() == 3.0 and record.grown() == 600.0
    record.answers["slow header"] = Counter({408: 2, 429: 1})
    record.faults["a good request: 500"] = 2
    said = summary(record)
    assert "the medians' ratio is 3.0" in said and "408: 2, 429: 1" in said
    assert "2 x a good request: 500" in said


def test_each_round_has_its_latency_percentiles():
    record = Record(secs=[[i / 1000 for i in range(1, 102)], [2.0]], memory=[900.0])
    said = summary(record)
    assert re.search(r"^without +101 +51 +91 +100 +101$", said, re.M), said
    assert re.search(r"^among attackers +1( +2000){4}$", said, re.M), said
    assert "attack  times" not in said


def test_wrong_and_lost_answers_are_faults_and_429_is_tried_again(monkeypatch):
    good = json.dumps({"predictions": [{"concept_probabilities": [0.5, 0.1]}]}).encode()
    other = good.replace(b"0.5", b"0.6")
    answers = iter([(429, b""), (200, good), (200, other), (500, b"{}"), (0, b"")])
    clients = _Clients(Target("host", 1, "model"), seed=0)
    clients._expected = [[0.5, 0.1]] * len(clients._bodies)
    secs, times = [], iter(range(100))

    async def exchange(target, request):
        return next(answers)

    monkeypatch.setattr(Target, "exchange", exchange)
    monkeypatch.setattr("eval.load_record._RETRY_SECS", 0)
    # asyncio reads the real clock.
    monkeypatch.setattr("eval.load_record.time", SimpleNamespace(monotonic=lambda: next(times)))
    asyncio.run(clients.ask(0, 11, secs))
    assert next(answers, None) is None and len(secs) == 4
    assert clients.record.busy == 1
    assert clients.record.faults == {
        "a good request: another picture's answer": 1,
        "a good request: 500 b'{}'": 1,
        "a good request: 0 b''": 1,
    }


@pytest.mark.large
@pytest.mark.parametrize(
    "queue", [(), ("--max_images=8", "--max_queue_images=16", "--max_queue_secs=1")]
)
def test_64_clients_without_attackers_lose_no_request(queue, monkeypatch, capfd):
    """A queue that holds fewer pictures than there are clients refuses some, on any machine."""
    monkeypatch.chdir(ROOT)
    with own_server("models/flickr8k_captions", "model", queue) as address:
        record = asyncio.run(attack(address, "model", 10.0, 1, Crowd(64, 0, 0)))
    said = capfd.readouterr().out
    print(summary(record))
    assert not record.faults, record.faults
    assert record.busy or not queue
    assert not record.answers
    assert "Stopped; every accepted request was answered." in said


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
