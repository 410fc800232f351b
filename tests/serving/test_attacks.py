"""Each kind of attack gets the answer that is its own, and leaves nothing behind."""

import asyncio
import random

import pytest

from eval.load_attackers import WRONG_ROWS, Target, attacks

# Pictures of 25 million pixels take seconds.
SLOW = ("large pictures", "several large ones")


def once(address, names, chance, picture):
    kinds = attacks(picture(64, 48, "JPEG", "RGB"), chance)
    port = int(address.rsplit(":", 1)[1])
    target = Target("127.0.0.1", port, "fake")

    async def go():
        chosen = {name: kind for name, kind in kinds.items() if names(name)}
        found = await asyncio.gather(*(kind.run(target) for kind in chosen.values()))
        return {
            name: status
            for (name, kind), status in zip(chosen.items(), found, strict=True)
            if status not in kind.codes
        }

    return asyncio.run(go())


def test_every_attack_gets_its_answer(running, picture, monkeypatch):
    monkeypatch.setattr("eval.load_attackers._HELD_SECS", 0.5)
    server, _, address, _ = running({"header_secs": 0.5, "body_secs": 0.8})
    assert once(address, lambda name: name not in SLOW, random.Random(0), picture) == {}
    intake = server._service.intake
    assert intake.requests == intake.held_bytes == server._service.batcher.depth == 0


def test_a_damaged_picture_answered_like_the_others_is_wrong(picture, monkeypatch):
    async def exchange(target, request):
        return 200, b'{"predictions": [{}, {}, {}, {}]}'

    monkeypatch.setattr(Target, "exchange", exchange)
    kinds = attacks(picture(64, 48, "JPEG", "RGB"), random.Random(0))
    status = asyncio.run(kinds["four, one damaged"].run(Target("host", 1, "fake")))
    assert status == WRONG_ROWS and status not in kinds["four, one damaged"].codes


@pytest.mark.large
def test_large_pictures_are_answered(running, picture):
    _, _, address, _ = running()
    assert once(address, SLOW.__contains__, random.Random(0), picture) == {}
