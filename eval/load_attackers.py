"""The requests of attackers, and the expected answers."""

import asyncio
import contextlib
import dataclasses
import io
import json
import random
from collections.abc import Awaitable, Callable

from PIL import Image

from eval.load_traffic import png_bomb, rows

_TIMEOUT_SECS = 90
_MEBIBYTE = 2**20
# Time that a client which does not read answers stays connected.
_HELD_SECS = 5
# In place of a status: the server closed without an answer, the client disconnected first, or the
# answer of status 200 has other errors than it should.
CLOSED, LEFT, WRONG_ROWS = 0, -1, -2


@dataclasses.dataclass(frozen=True)
class Target:
    """A model by name on a server of this machine."""

    host: str
    port: int
    name: str

    def post(self, body: bytes, *headers: str, host: str = "") -> bytes:
        """Returns a complete predict request."""
        return self.head(f"Content-Length: {len(body)}", *headers, host=host) + body

    def head(self, *headers: str, host: str = "") -> bytes:
        """Returns the header of a predict request."""
        lines = [f"POST /v1/models/{self.name}:predict HTTP/1.1", f"Host: {host or self.host}"]
        return "\r\n".join([*lines, *headers, "", ""]).encode()

    @contextlib.asynccontextmanager
    async def connection(self):  # noqa: ANN201
        """Opens a connection, which is aborted when the block ends."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**24)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Returns the status and the body of the answer to a request on a new connection."""
        async with self.connection() as (reader, writer):
            writer.write(request)
            return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Returns the status and the body of an answer; `CLOSED` without an answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [x for x in head.lower().split("\r\n") if x.startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
            return int(head.split()[1]), body
    except (asyncio.IncompleteReadError, ConnectionError):
        return CLOSED, b""


@dataclasses.dataclass(frozen=True)
class Attack:
    """A kind of attack.

    Attributes:
      share: relative frequency among all kinds.
      run: runs the attack once; returns the status.
      codes: the expected statuses besides 429.
    """

    share: int
    run: Callable[[Target], Awaitable[int]]
    codes: frozenset[int]


def attacks(photo: bytes, chance: random.Random) -> dict[str, Attack]:
    """Returns the kinds of attacks by name; some damage the valid picture `photo`."""
    large, middle = _blank(5000, 4990), _blank(3000, 3000)
    bomb = png_bomb(20_000)
    poison = [
        b'{"instances": [', b"[]", bytes(100), b"[" * 200_000, b'{"instances":[1e999]}',
        b'{"instances":[{"b64":"\\ud800"}]}', b'{"instances":[{"\\ud800":1}]}',
        b'{"signature_name":"serve_features","instances":[[1e300]]}',
        b'{"instances":[%s1]}' % (b"1," * 4_000_000),
        b'{"instances":[{"b64":"!!!!"}]}', b'{"instances":[{"b64":"%s*"}]}' % (b"QUJD" * 100),
    ]  # fmt: skip

    def send(*bodies: bytes) -> Callable[[Target], Awaitable[int]]:
        async def run(target: Target) -> int:
            return (await target.exchange(target.post(chance.choice(bodies))))[0]

        return run

    async def damaged(target: Target) -> int:
        data = bytearray(photo)
        for _ in range(30):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return (await target.exchange(target.post(rows(bytes(data)))))[0]

    async def leaves(target: Target) -> int:
        request = target.post(rows(photo))
        async with target.connection() as (_, writer):
            writer.write(request[: chance.choice([10, 300, len(request) // 2, len(request)])])
            await asyncio.sleep(chance.choice([0, 0.01, 0.05]))
        return LEFT

    async def foreign(target: Target) -> int:
        page = ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
        return (await target.exchange(target.post(rows(photo), *page)))[0]

    async def rebound(target: Target) -> int:
        return (await target.exchange(target.post(rows(photo), host="evil.example")))[0]

    return {
        "poisoned JSON": Attack(12, send(*poison), frozenset([400])),
        "no picture": Attack(5, send(rows(bytes(3000))), frozenset([422])),
        "damaged": Attack(4, damaged, frozenset([200, 422])),
        "four, one damaged": Attack(4, _one_of_four_damaged(photo), frozenset([200])),
        "no such model": Attack(2, _no_such_model(photo), frozenset([404])),
        "too many pixels": Attack(3, send(rows(bomb), rows(*[bomb] * 64)), frozenset([422])),
        "large pictures": Attack(1, send(rows(large), rows(large, large)), frozenset([200])),
        "several large ones": Attack(1, send(rows(*[middle] * 4)), frozenset([200])),
        "far too many": Attack(
            1, send(rows(*[large] * 8), rows(*[middle] * 32)), frozenset([413])
        ),
        "large body": Attack(1, _large_body, frozenset([413])),
        "endless chunks": Attack(1, _chunks, frozenset([413, 408])),
        "slow header": Attack(2, _slow_header, frozenset([408])),
        "slow body": Attack(2, _slow_body, frozenset([408])),
        "takes no answer": Attack(2, _takes_no_answer, frozenset([LEFT])),
        "bad header": Attack(4, _bad_header(chance), frozenset([400])),
        "leaves": Attack(6, leaves, frozenset([LEFT])),
        "another site's page": Attack(3, foreign, frozenset([403])),
        "another name": Attack(3, rebound, frozenset([421])),
    }  # fmt: skip


def _one_of_four_damaged(photo: bytes) -> Callable[[Target], Awaitable[int]]:
    body = rows(photo, photo, photo[: len(photo) // 2], photo)

    async def run(target: Target) -> int:
        status, answered = await target.exchange(target.post(body))
        if status != 200:
            return status
        with_error = ["error" in row for row in json.loads(answered)["predictions"]]
        return 200 if with_error == [False, False, True, False] else WRONG_ROWS

    return run


def _no_such_model(photo: bytes) -> Callable[[Target], Awaitable[int]]:
    async def run(target: Target) -> int:
        other = dataclasses.replace(target, name=f"{target.name}-none")
        return (await other.exchange(other.post(rows(photo))))[0]

    return run


def _blank(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


async def _while_sending(
    target: Target, head: bytes, part: bytes, number: int, pause: float
) -> int:
    """Sends a header, then a part many times; returns the status of the answer."""
    async with target.connection() as (reader, writer):

        async def send() -> None:
            with contextlib.suppress(ConnectionError):
                for _ in range(number):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause)

        writer.write(head)
        sending = asyncio.ensure_future(send())
        try:
            return (await answer(reader))[0]
        finally:
            sending.cancel()


async def _large_body(target: Target) -> int:
    head = target.head(f"Content-Length: {100 * _MEBIBYTE}")
    return await _while_sending(target, head, b" " * _MEBIBYTE, 100, 0)


async def _chunks(target: Target) -> int:
    head = target.head("Transfer-Encoding: chunked")
    return await _while_sending(target, head, b"100000\r\n" + b" " * _MEBIBYTE + b"\r\n", 60, 0)


async def _slow_header(target: Target) -> int:
    return await _while_sending(target, b"GET / HTTP/1.1\r\n", b"X: y\r\n", 80, 1)


async def _slow_body(target: Target) -> int:
    head = target.head("Content-Length: 5000")
    return await _while_sending(target, head, b" ", 80, 1)


async def _takes_no_answer(target: Target) -> int:
    async with target.connection() as (reader, writer):
        # Otherwise the stream would read the answers itself.
        reader._transport.pause_reading()
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                writer.write(f"GET / HTTP/1.1\r\nHost: {target.host}\r\n\r\n".encode())
            await asyncio.sleep(_HELD_SECS)
    return LEFT


def _bad_header(chance: random.Random) -> Callable[[Target], Awaitable[int]]:
    variants = [
        "X: " + "a" * 1_000_000, "\r\n".join(f"X{i}: 1" for i in range(20_000)),
        "Content-Length: 3\r\nContent-Length: 4", "Content-Length: -5", "Content-Length: +5",
        "Transfer-Encoding: chunked\r\nContent-Length: 4", "Transfer-Encoding: xchunked",
        "X: \x00", "Content-Length : 3", "X: a\nY: b\rZ: c",
    ]  # fmt: skip

    async def run(target: Target) -> int:
        request = target.head(chance.choice(variants))
        return (await target.exchange(request + b"0\r\n\r\n"))[0]

    return run
