"""Limits on the number of connections, and on the time that the server waits for a client.

uvicorn has neither: a client that sends nothing, sends its header byte by byte or does not read
its answer would keep its connection for ever, until the process has no file descriptor left.
"""

import asyncio
import functools
import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from semreg_tf.serving.limits import Limits

# Connections that the event loop may accept before it handles the first of them.
ACCEPTED_AT_ONCE = 32
# Connections over the limit that may read a 503 at a time; further ones are closed at once.
_MOST_TURNED_AWAY = 64
# File descriptors for other files: connections that are being closed, pictures, the model card.
_SPARE_FILES = 4 * ACCEPTED_AT_ONCE
# Time for a client to read an answer after which the connection closes.
_LINGER_SECS = 2.0
# A connection that keeps the server waiting this long may be closed to make room; the shorter time
# is for one that has never sent anything.
_PATIENCE_SECS = 1.0
_SILENT_SECS = 0.05
# A younger connection is expected to send its request soon.
_FRESH_SECS = 0.2


class ConnectionPool:
    """The connections of one server.

    Raises:
      ValueError: the limit on open files is too low for a connection.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.connections: set[BoundedConnection] = set()
        self.num_turned_away = 0
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = len(os.listdir("/dev/fd")) + ACCEPTED_AT_ONCE + _MOST_TURNED_AWAY + _SPARE_FILES
        self.capacity = limits.max_connections
        if soft_limit != resource.RLIM_INFINITY:
            self.capacity = min(self.capacity, soft_limit - files)
        if self.capacity < 1:
            raise ValueError(
                f"The limit on open files must be above {files}: raise it (ulimit -n). "
                f"Received: {soft_limit}"
            )

    def protocol(self) -> Callable[..., asyncio.Protocol]:
        """Returns the factory that uvicorn calls for each new connection."""
        return functools.partial(BoundedConnection, self)

    def has_room(self) -> bool:
        """Returns whether there is room for a connection; may close another to make room.

        Of the peer with the most waiting connections, the one that has kept the server waiting
        longest is closed, so that idle or slow clients cannot shut out others.
        """
        if len(self.connections) < self.capacity:
            return True
        now = time.monotonic()
        waiting = [c for c in self.connections if c.waits() and not c.transport.is_closing()]
        per_peer = Counter(c.peer for c in waiting)
        late = [c for c in waiting if now - c.since >= c.patience_secs()]
        if late:
            max(late, key=lambda c: (per_peer[c.peer], now - c.since)).transport.abort()
        return bool(late)


class BoundedConnection(H11Protocol):
    """A uvicorn connection that limits the time it waits for its client.

    Attributes:
      peer: the client's address.
      since: when the server began to wait for the client, in seconds of the monotonic clock.
    """

    def __init__(self, pool: ConnectionPool, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._pool, self._limits = pool, pool.limits
        self.peer, self.since = "", 0.0
        self._has_begun = self._lingers = self._is_turned_away = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    def waits(self) -> bool:
        """Returns whether the server waits for the client to send a request or the rest of one."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def patience_secs(self) -> float:
        """Returns how long the connection may keep the server waiting if others need room."""
        is_silent = self.cycle is None and not self._has_begun
        return _SILENT_SECS if is_silent else _PATIENCE_SECS

    def is_in_exchange(self) -> bool:
        """Returns whether a request is being answered or has just begun to arrive."""
        if self.transport.is_closing() or self._lingers:
            return False
        age = time.monotonic() - self.since
        if not self.waits():
            return True
        is_new = self.cycle is None and age < _FRESH_SECS
        return is_new or ((self._has_begun or self._body_arrives()) and age < _PATIENCE_SECS)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts the connection, or answers 503 if there are too many."""
        if self._pool.has_room():
            super().connection_made(transport)
            self.peer, self.since = (self.client or ("", 0))[0], time.monotonic()
            self._pool.connections.add(self)
            self._await_header()
            return
        self.transport = transport
        self._is_turned_away = True
        self._pool.num_turned_away += 1
        self.logger.warning("Too many connections: one is refused.")
        if self._pool.num_turned_away > _MOST_TURNED_AWAY:
            transport.abort()
        else:
            self._end(503, "The server has too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops all timers."""
        for timer in (self._header_timer, self._write_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
        self._pool.connections.discard(self)
        if self._is_turned_away:
            self._pool.num_turned_away -= 1
            return
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads data, unless the connection has been answered and is about to close."""
        if self._lingers:
            return
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self._has_begun, self.since = False, time.monotonic()
            self._cancel_header_timer()
        if self.waits() and not self._body_arrives() and not self.transport.is_closing():
            self._has_begun = True
            self._await_header()

    def on_response_complete(self) -> None:
        """Waits for the next request, or for the client to read the answer."""
        self.since = time.monotonic()
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        """Closes an idle connection, even if its client does not close its side."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def pause_writing(self) -> None:
        """Starts the timer for a client that does not read its answer, as long as for a body."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.body_secs, self.transport.abort)

    def resume_writing(self) -> None:
        """Continues to write, and stops the timer."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answers 400 to data that is not HTTP; the client may still be sending it."""
        self._cancel_header_timer()
        cycle = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            # The client would read another answer as part of the one being sent.
            self.transport.abort()
        else:
            self._end(400, msg)

    def shutdown(self) -> None:
        """Closes the connection; a new one may send its request first."""
        if self._lingers or self.transport.is_closing():
            return
        if not self.waits():
            super().shutdown()
        elif self.is_in_exchange():
            self.loop.call_later(_PATIENCE_SECS, self.shutdown)
        else:
            super().shutdown()
            self._abort_later()

    def _body_arrives(self) -> bool:
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(
                self._limits.header_secs, self._header_is_late
            )

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_is_late(self) -> None:
        if self._has_begun and not self.transport.is_closing():
            self._end(408, f"No header within {self._limits.header_secs:g} seconds.")
        else:
            self.transport.abort()

    def _end(self, status: int, reason: str) -> None:
        """Sends an answer, then reads for a moment before it closes the connection.

        Closing with unread bytes resets the connection, and the client loses the answer.
        """
        self._lingers = True
        body = b'{"error": "%s"}' % reason.encode("ascii", "replace")
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._abort_later()

    def _abort_later(self) -> None:
        if self._end_timer is None:
            self._end_timer = self.loop.call_later(_LINGER_SECS, self.transport.abort)
