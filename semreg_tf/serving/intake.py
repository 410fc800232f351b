"""Takes request bodies in: how many at once, how large, how slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from semreg_tf.serving.limits import Limits, Refusal

# Between a refusal and a sensible retry where nothing better is known.
_RETRY_SECS = 1.0
# Of a refused body so many times the limit is still read, for the client to see the answer.
_DISCARDED_BODIES = 4


class Intake:
    """Counts the requests and the bytes that are held at a time.

    Args:
      limits: more are refused.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.held_bytes = 0

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
    ) -> AsyncIterator[bytearray]:
        """Reads a body and counts its bytes for as long as the block runs.

        Args:
          chunks: of the body, as they arrive.
          declared_bytes: the length that the request announces, if any.

        Raises:
          Refusal: 413, too large; 408, too slow; 429, too many bytes at once.
        """
        self._check_size(declared_bytes or 0)
        held = bytearray()
        try:
            await self._read(chunks, held)
            yield held
        finally:
            self.held_bytes -= len(held)

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

    async def _read(self, chunks: AsyncIterator[bytes], held: bytearray) -> None:
        try:
            async with asyncio.timeout(self._limits.body_secs):
                async for chunk in chunks:
                    held += chunk
                    self.held_bytes += len(chunk)
                    self._check_size(len(held))
                    if self.held_bytes > self._limits.max_held_bytes:
                        raise Refusal(429, "The server holds too many requests.", _RETRY_SECS)
        except TimeoutError:
            raise Refusal(
                408, f"The body did not arrive within {self._limits.body_secs:g} seconds."
            ) from None

    def _check_size(self, num_bytes: int) -> None:
        if num_bytes > self._limits.max_body_bytes:
            raise Refusal(413, f"The body is larger than {self._limits.max_body_bytes:,} bytes.")
