"""Clients of a server under attack, and the record of their latencies and answers."""

import asyncio
import json
import random
import statistics
import time
import urllib.parse
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from eval.load_attackers import Attack, Target, attacks
from eval.load_server import counts
from eval.load_traffic import BUSY, photo, rows
from semreg_tf import console

_PERCENTILES = (50, 90, 99)
_QUIET_SHARE = 0.4
_RETRY_SECS = 0.25
# Pause after a round, for the server to notice closed connections.
_PAUSE_SECS = 1


@dataclass
class Record:
    """Results of an attack.

    Attributes:
      secs: latencies of good requests by round, from the first try to the answer.
      faults: number of each kind of fault.
      busy: number of 429 answers to good requests.
      answers: number of answers to each kind of attack, by status.
      memory: memory of the server in MiB, every second.
    """

    secs: list[list[float]] = field(default_factory=list)
    faults: Counter = field(default_factory=Counter)
    busy: int = 0
    answers: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    memory: list[float] = field(default_factory=list)

    def percentiles(self) -> list[list[float]]:
        """Returns the latency percentiles of each round: 50, 90, 99 and 100."""
        return [np.percentile(secs, [*_PERCENTILES, 100]).tolist() for secs in self.secs]

    def ratio(self) -> float:
        """Returns the rounds' median 99th percentile with attackers over the one without."""
        slowest = [row[_PERCENTILES.index(99)] for row in self.percentiles()]
        return statistics.median(slowest[1::2]) / statistics.median(slowest[::2])

    def grown(self) -> float:
        """Returns the greatest growth of the server's memory in MiB."""
        return max(self.memory) - self.memory[0]


class _Clients:
    def __init__(self, target: Target, seed: int) -> None:
        self.target, self._chance = target, random.Random(seed)
        self._bodies = [
            rows(photo(np.random.default_rng(seed + i), "PNG" if i % 4 == 3 else "JPEG"))
            for i in range(8)
        ]
        self._expected: list[list[float]] = []
        self._attacks = attacks(photo(np.random.default_rng(seed), "JPEG"), self._chance)
        self.record = Record()

    async def learn(self) -> None:
        """Records the expected answers before the attack."""
        for body in self._bodies:
            _, answer = await self.target.exchange(self.target.post(body))
            self._expected.append(_concepts(answer))

    async def ask(self, client: int, end: float, secs: list[float]) -> None:
        """Sends good requests until the end of the round."""
        number = client
        while time.monotonic() < end:
            index, started = number % len(self._bodies), time.monotonic()
            number += 1
            while True:
                status, answer = await self.target.exchange(self.target.post(self._bodies[index]))
                if status != BUSY:
                    break
                self.record.busy += 1
                await asyncio.sleep(_RETRY_SECS)
            secs.append(time.monotonic() - started)
            if status != 200:
                self.record.faults[f"a good request: {status} {answer[:80]!r}"] += 1
            elif not np.allclose(_concepts(answer), self._expected[index], atol=2e-3):
                self.record.faults["a good request: another picture's answer"] += 1

    async def attack(self) -> None:
        """Attacks until it is cancelled, at the end of the round."""
        names = list(self._attacks)
        shares = [attack.share for attack in self._attacks.values()]
        while True:
            name = self._chance.choices(names, shares)[0]
            attack: Attack = self._attacks[name]
            try:
                status = await attack.run(self.target)
            except (OSError, TimeoutError) as error:
                self.record.faults[f"{name}: {type(error).__name__}"] += 1
                continue
            self.record.answers[name][status] += 1
            if status not in attack.codes | {BUSY}:
                self.record.faults[f"{name}: answered {status}"] += 1

    async def watch(self, address: str, end: float) -> None:
        """Reads the server's memory every second."""
        while time.monotonic() < end:
            metrics = await asyncio.to_thread(counts, address)
            self.record.memory.append(metrics["process_resident_memory_bytes"] / 2**20)
            await asyncio.sleep(1)


def _concepts(answer: bytes) -> list[float]:
    return json.loads(answer)["predictions"][0]["concept_probabilities"]


async def _hold_idle(target: Target, number: int) -> list[asyncio.StreamWriter]:
    opened = [await asyncio.open_connection(target.host, target.port) for _ in range(number)]
    return [writer for _, writer in opened]


class Crowd(NamedTuple):
    """Numbers of concurrent clients with good requests, of attackers and of silent connections."""

    num_good: int
    num_bad: int
    num_idle: int


async def attack(address: str, name: str, secs: float, rounds: int, crowd: Crowd) -> Record:
    """Attacks a server on this machine.

    Args:
      address: the server's URL.
      name: the model's name.
      secs: duration of all rounds with attackers together.
      rounds: number of rounds with attackers, each after one without.
      crowd: numbers of connections.
    """
    parts = urllib.parse.urlsplit(address)
    clients = _Clients(Target(parts.hostname, parts.port, name), seed=0)
    target, record = clients.target, clients.record
    await clients.learn()
    await clients.watch(address, time.monotonic() + 1)
    for i in range(2 * rounds):
        idle = await _hold_idle(target, crowd.num_idle) if i % 2 else []
        round_secs = secs / rounds * (1 if i % 2 else _QUIET_SHARE)
        end = time.monotonic() + round_secs
        record.secs.append([])
        good = [clients.ask(k, end, record.secs[-1]) for k in range(crowd.num_good)]
        num_bad = crowd.num_bad if i % 2 else 0
        bad = [asyncio.ensure_future(clients.attack()) for _ in range(num_bad)]
        await asyncio.gather(*good, clients.watch(address, end))
        for attacker in bad:
            attacker.cancel()
        ends = await asyncio.gather(*bad, return_exceptions=True)
        record.faults.update(
            f"an attacker failed: {end!r}"
            for end in ends
            if not isinstance(end, asyncio.CancelledError)
        )
        for writer in idle:
            writer.transport.abort()
        await asyncio.sleep(_PAUSE_SECS)
    return record


def summary(record: Record) -> str:
    """Returns the results of an attack as text."""
    rounds = [
        [
            "among attackers" if i % 2 else "without",
            str(len(secs)),
            *(f"{1000 * x:.0f}" for x in percentiles),
        ]
        for i, (secs, percentiles) in enumerate(zip(record.secs, record.percentiles(), strict=True))
    ]
    times = [*(f"p{p} ms" for p in _PERCENTILES), "max ms"]
    lines = [
        f"Good requests: {sum(map(len, record.secs))}, {record.busy} times 429.",
        f"p99 among attackers and without: the medians' ratio is {record.ratio():.1f}.",
        f"Memory: {record.memory[0]:.0f} MiB at the start, {max(record.memory):.0f} at most, "
        f"{record.memory[-1]:.0f} in the end.",
        "",
        console.table(["round", "good requests", *times], rounds),
    ]
    table = [
        [name, str(sum(x.values())), ", ".join(f"{s}: {n}" for s, n in sorted(x.items()))]
        for name, x in sorted(record.answers.items())
    ]
    if table:
        lines += ["", console.table(["attack", "times", "answers"], table)]
    return "\n".join([*lines, *(f"{n} x {fault}" for fault, n in record.faults.items())])
