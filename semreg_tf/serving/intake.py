"""Reading of request bodies, with limits on their number, size and time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

from semreg_tf.serving.limits import Limits, Refusal

# Retry-After of refusals whose end cannot be estimated.
_RETRY_SECS = 1.0
# This many times the size limit of a refused body is still read, for the client to get its answer.
_DISCARDED_BODIES = 4
# Requests of more bytes may fill only this share of the memory; smaller ones all of it.
_SMALL_BYTES, _LARGE_SHARE = 2**20, 0.75
# A body that has been arriving for longer may be refused to make room.
_PATIENCE_SECS = 2.0


class Body:
    """A request's body, whose bytes count toward the limit on held bytes.

    Attributes:
      data: the bytes, complete once `Intake.body` yields.
    """

    def __init__(self, intake: "Intake") -> None:
        self.data = bytearray()
        self._intake, self._num_bytes = intake, 0

    def hold(self, num_bytes: int) -> None:
        """Sets the number of bytes that the request holds, which may be parts of the body.

        Raises:
          Refusal: 429 if all requests hold too many bytes.
        """
        self._intake.held_bytes += num_bytes - self._num_bytes
        self._num_bytes = num_bytes
        self._intake.check_held(num_bytes)

    def release(self) -> None:
        """Frees the data and sets the number of held bytes to 0."""
        self.data = bytearray()
        self._intake.held_bytes -= self._num_bytes
        self._num_bytes = 0


class Intake:
    """Counts requests and their bytes, and refuses those over the limits.

    Attributes:
      requests: number of complete requests that wait or are being answered.
      held_bytes: bytes of all bodies, complete or not.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.held_bytes = 0
        # Bodies that are arriving, the oldest first, each with its start and its timeout.
        self._arriving: dict[Body, tuple[float, asyncio.Timeout]] = {}

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Counts a request for as long as the block runs.

        Raises:
          Refusal: 429 if there are too many requests.
        """
        if self.requests >= self._limits.max_requests:
            raise Refusal(
                429, f"The server is answering {self.requests} requests already.", _RETRY_SECS
            )
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextlib.asynccontextmanager
    async def body(
        self, chunks: AsyncIterator[bytes], declared_bytes: int | None
    ) -> AsyncIterator[Body]:
        """Reads a body from its parts, and counts its bytes for as long as the block runs.

        Raises:
          Refusal: 413 if it is too large, 408 if it is too slow, 429 if all requests hold too many
            bytes.
        """
        self._check_size(declared_bytes or 0)
        body = Body(self)
        try:
            await self._read(chunks, body)
            yield body
        finally:
            body.release()

    async def discard(self, chunks: AsyncIterator[bytes]) -> None:
        """Reads the rest of a refused body, within limits, and discards it.

        Closing the connection while the client sends would lose the answer.
        """
        remaining_bytes = _DISCARDED_BODIES * self._limits.max_body_bytes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_secs):
                async for chunk in chunks:
                    remaining_bytes -= len(chunk)
                    if remaining_bytes < 0:
                        return

    def check_held(self, num_bytes: int) -> None:
        """Checks the limit on held bytes after a request has grown to `num_bytes`.

        The body that has been arriving longest is refused to make room, so that slow clients
        cannot fill the memory. Large requests leave a share of it to small ones.

        Raises:
          Refusal: 429 if all requests hold too many bytes.
        """
        most = self._limits.max_held_bytes
        if num_bytes > _SMALL_BYTES:
            most = max(_LARGE_SHARE * most, self._limits.max_body_bytes)
        if self.held_bytes <= most:
            return
        body, (started, timeout) = next(iter(self._arriving.items()), (None, (0.0, None)))
        if body is None or time.monotonic() - started < _PATIENCE_SECS:
            raise Refusal(429, "The server holds too many requests.", _RETRY_SECS)
        del self._arriving[body]
        body.release()
        timeout.reschedule(asyncio.get_running_loop().time())
        self.check_held(num_bytes)

    async def _read(self, chunks: AsyncIterator[bytes], body: Body) -> None:
        try:
            async with asyncio.timeout(self._limits.body_secs) as timeout:
                self._arriving[body] = (time.monotonic(), timeout)
                async for chunk in chunks:
                    if body not in self._arriving:
                        raise TimeoutError
                    body.data += chunk
                    self._check_size(len(body.data))
                    body.hold(len(body.data))
        except TimeoutError:
            raise Refusal(
                408,
                f"The body did not arrive within {self._limits.body_secs:g} seconds, or less when "
                "other requests needed its memory.",
            ) from None
        finally:
            self._arriving.pop(body, None)

    def _check_size(self, num_bytes: int) -> None:
        if num_bytes > self._limits.max_body_bytes:
            raise Refusal(413, f"The body is larger than {self._limits.max_body_bytes:,} bytes.")
