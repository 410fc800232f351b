"""Takes request bodies in: how many at once, how large, how slow."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

from semreg_tf.serving.limits import Limits, Refusal

# Between a refusal and a sensible retry where nothing better is known.
_RETRY_SECS = 1.0
# Of a refused body so many times the limit is still read, for the client to see the answer.
_DISCARDED_BODIES = 4
# Requests of less may fill the memory; all others together this part of it.
_SMALL_BYTES, _LARGE_SHARE = 2**20, 0.75
# A body that has been arriving for less is not given up for another's sake.
_PATIENCE_SECS = 2.0


class Body:
    """Bytes of a request that count as held.

    Attributes:
      data: the body, whole once `Intake.body` has given it.
    """

    def __init__(self, intake: "Intake") -> None:
        self.data = bytearray()
        self._intake, self._num_bytes = intake, 0

    def hold(self, num_bytes: int) -> None:
        """Says how many bytes the request now holds, where they are no longer the body's.

        Raises:
          Refusal: 429, too many bytes at once.
        """
        self._intake.held_bytes += num_bytes - self._num_bytes
        self._num_bytes = num_bytes
        self._intake.check_held(num_bytes)

    def release(self) -> None:
        """Holds nothing any more."""
        self.data = bytearray()
        self._intake.held_bytes -= self._num_bytes
        self._num_bytes = 0


class Intake:
    """Counts the requests and the bytes that are held at a time.

    Args:
      limits: more are refused.

    Attributes:
      requests: that are whole, waiting or being answered.
      held_bytes: of all bodies, whole or not.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.held_bytes = 0
        # Bodies that are arriving, the oldest first: when each began, and how to end it.
        self._arriving: dict[Body, tuple[float, asyncio.Timeout]] = {}

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Counts a request for as long as the block runs.

        Raises:
          Refusal: 429, too many at once.
        """
        if self.requests >= self._limits.max_requests:
            raise Refusal(
                429, f"The server has {self.requests} requests at once already.", _RETRY_SECS
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
        """Reads a body and counts its bytes for as long as the block runs.

        Args:
          chunks: of the body, as they arrive.
          declared_bytes: the length that the request announces, if any.

        Raises:
          Refusal: 413, too large; 408, too slow; 429, too many bytes at once.
        """
        self._check_size(declared_bytes or 0)
        body = Body(self)
        try:
            await self._read(chunks, body)
            yield body
        finally:
            body.release()

    async def discard(self, chunks: AsyncIterator[bytes]) -> None:
        """Reads what is left of a refused body, within bounds, and keeps none of it.

        A connection that is closed on a client in the middle of sending loses it the answer.
        """
        left = _DISCARDED_BODIES * self._limits.max_body_bytes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_secs):
                async for chunk in chunks:
                    left -= len(chunk)
                    if left < 0:
                        return

    def check_held(self, num_bytes: int) -> None:
        """Sees that not too much is held.

        The body that has been arriving longest is given up to make room, so that slow clients
        cannot fill the memory meant for all. Large requests leave a part of it to small ones.

        Args:
          num_bytes: of the request that has just grown.

        Raises:
          Refusal: 429, too many bytes at once.
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
                f"The body did not arrive within {self._limits.body_secs:g} seconds, or in the "
                "time left where others wait.",
            ) from None
        finally:
            self._arriving.pop(body, None)

    def _check_size(self, num_bytes: int) -> None:
        if num_bytes > self._limits.max_body_bytes:
            raise Refusal(413, f"The body is larger than {self._limits.max_body_bytes:,} bytes.")
