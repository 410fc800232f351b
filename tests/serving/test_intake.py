"""Bodies are bounded in size, number and time, and what is counted is given back."""

import asyncio

import pytest

from semreg_tf.serving.intake import Intake
from semreg_tf.serving.limits import Limits, Refusal

SMALL = Limits(max_body_bytes=10, max_held_bytes=15, max_requests=2, body_secs=60)


async def chunks(*parts):
    for part in parts:
        yield part


def read(intake, parts, declared=None):
    async def go():
        async with intake.body(chunks(*parts), declared) as body:
            return bytes(body.data), intake.held_bytes

    return asyncio.run(go())


def test_a_body_is_counted_while_it_is_held():
    intake = Intake(SMALL)
    assert read(intake, [b"01234", b"56789"], 10) == (b"0123456789", 10)
    assert intake.held_bytes == 0


@pytest.mark.parametrize("parts, declared", [([b"x"], 11), ([b"x" * 11], None), ([b"xx"] * 6, 1)])
def test_a_large_body_is_refused_by_what_it_says_or_is(parts, declared):
    intake = Intake(SMALL)
    with pytest.raises(Refusal, match="larger than 10 bytes") as refusal:
        read(intake, parts, declared)
    assert refusal.value.status == 413 and intake.held_bytes == 0


def test_bodies_together_are_bounded():
    intake = Intake(SMALL)

    async def go():
        async with intake.body(chunks(b"x" * 10), None):
            with pytest.raises(Refusal, match="too many") as refusal:
                async with intake.body(chunks(b"x" * 6), None):
                    pass
            assert refusal.value.status == 429 and "Retry-After" in refusal.value.headers
            assert intake.held_bytes == 10
        assert intake.held_bytes == 0

    asyncio.run(go())


def test_a_body_that_does_not_come_is_not_waited_for():
    intake = Intake(Limits(body_secs=1))
    object.__setattr__(intake._limits, "body_secs", 0.01)

    async def never():
        yield b"x"
        await asyncio.sleep(60)

    async def go():
        async with intake.body(never(), None):
            pass

    with pytest.raises(Refusal, match=r"did not arrive within 0\.01 seconds") as refusal:
        asyncio.run(go())
    assert refusal.value.status == 408 and intake.held_bytes == 0


def test_requests_at_once_are_bounded():
    intake = Intake(SMALL)
    with intake.request(), intake.request():
        assert intake.requests == 2
        with pytest.raises(Refusal, match="answering 2 requests") as refusal, intake.request():
            pass
        assert refusal.value.status == 429
    assert intake.requests == 0


def test_of_a_refused_body_a_bounded_part_is_read():
    read_parts = []

    async def endless():
        while True:
            read_parts.append(1)
            yield b"x" * 10

    asyncio.run(Intake(SMALL).discard(endless()))
    assert len(read_parts) == 5


def test_a_slow_body_makes_room_for_a_quick_one(monkeypatch):
    monkeypatch.setattr("semreg_tf.serving.intake._PATIENCE_SECS", 0.0)
    intake = Intake(SMALL)

    async def slow():
        yield b"x" * 9
        await asyncio.sleep(60)

    async def take(parts):
        async with intake.body(parts, None) as body:
            return bytes(body.data)

    async def go():
        waiting = asyncio.ensure_future(take(slow()))
        await asyncio.sleep(0)
        assert await take(chunks(b"y" * 10)) == b"y" * 10
        with pytest.raises(Refusal, match="when other requests") as refusal:
            await waiting
        assert refusal.value.status == 408 and intake.held_bytes == 0

    asyncio.run(go())


def test_what_a_request_grows_to_is_counted():
    intake = Intake(SMALL)

    async def go():
        async with intake.body(chunks(b"x" * 8), None) as body:
            body.hold(12)
            assert intake.held_bytes == 12
            with pytest.raises(Refusal, match="too many"):
                body.hold(16)
        assert intake.held_bytes == 0

    asyncio.run(go())


def test_large_requests_leave_memory_to_small_ones(monkeypatch):
    monkeypatch.setattr("semreg_tf.serving.intake._SMALL_BYTES", 5)
    intake = Intake(Limits(max_body_bytes=10, max_held_bytes=20))

    async def go():
        async with intake.body(chunks(b"x" * 8), None):
            with pytest.raises(Refusal, match="too many"):
                async with intake.body(chunks(b"x" * 8), None):
                    pass
            async with intake.body(chunks(b"x" * 5), None), intake.body(chunks(b"x" * 5), None):
                assert intake.held_bytes == 18

    asyncio.run(go())
