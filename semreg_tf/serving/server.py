"""Runs the application under uvicorn, and stops it without losing a request."""

import asyncio
import io
import math
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import uvicorn
from PIL import Image

from semreg_tf.serving.app import create_app
from semreg_tf.serving.connection import ACCEPTED_AT_ONCE, ConnectionPool
from semreg_tf.serving.guard import Guard
from semreg_tf.serving.memory import return_free_memory
from semreg_tf.serving.rare_lines import quiet_logs
from semreg_tf.serving.served_model import PICTURES, ServedModel
from semreg_tf.serving.service import Service

# Beyond the time that requests are given to end, connections are cut.
_CUT_SECS = 3
# Connections that the kernel keeps until the event loop accepts them.
_BACKLOG = 2048
# Between the last connection that the kernel takes and the end of accepting.
_LAST_SECS = 0.1
# Looks at whether to stop, ten a second, from one return of free memory to the next.
_LOOKS = 100


class DrainingServer(uvicorn.Server):
    """A server that, told to stop, answers 503 to what is new and finishes what it has taken.

    Args:
      config: of uvicorn.
      service: is told to refuse.
      pool: of the connections.
      drain_secs: the longest that taken requests are waited for.
      grace_secs: the least time in which new requests are answered 503, so that a load balancer
        sees it before connections are refused.
      on_started: called once connections are accepted.

    Attributes:
      pool: of the connections.
      cut: whether requests were left when it stopped.
      stopped_by: the signal that told it to stop, or None.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        pool: ConnectionPool,
        drain_secs: float,
        grace_secs: float,
        on_started: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._service, self.pool, self._on_started = service, pool, on_started
        self._drain_secs, self._grace_secs = drain_secs, grace_secs
        self._told = 0.0
        self.cut = False
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept connections, and says so."""
        await super().startup(sockets)
        for bound in sockets or []:
            # asyncio accepts as many at once as it lets the kernel keep; here they differ.
            bound.listen(_BACKLOG)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers whoever has just connected, then closes."""
        for bound in sockets or []:
            # What the kernel still keeps is reset when the socket closes: let little come to it.
            bound.listen(1)
        await asyncio.sleep(_LAST_SECS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain at the first signal, stops at once at the second."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
        self._service.draining = True
        self.stopped_by = sig
        self._told = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Ends the loop once all is answered, or the time for it is over; tidies up meanwhile."""
        if self._service.draining:
            waited = time.monotonic() - self._told
            idle = self._service.intake.requests == 0
            if waited >= self._drain_secs or (idle and waited >= self._grace_secs):
                self.should_exit = True
        if counter % _LOOKS == 0:
            await asyncio.to_thread(return_free_memory)
        self.cut = self.should_exit and self._service.intake.requests > 0
        return await super().on_tick(counter)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket at an address, so that one in use is known before a model is loaded.

    Raises:
      OSError: the address is in use or not this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(f"Cannot serve on {host}, port {port}: {error.strerror}") from error
    return bound


def warm_up(model: ServedModel, batch_size: int) -> float:
    """Runs the model on grey pictures, first calls being slow; returns the seconds of a batch."""
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), "grey").save(buffer, "JPEG")
    secs = 0.0
    for name, signature in model.signatures.items():
        if PICTURES in signature.inputs:
            row = dict.fromkeys(signature.inputs, "") | {PICTURES: buffer.getvalue()}
            for size in (1, batch_size, batch_size):
                started = time.monotonic()
                model.predict(name, [row] * size)
                last = time.monotonic() - started
            secs = max(secs, last)
    return secs


def make_server(
    service: Service,
    examples: Mapping[str, Path] | None = None,
    *,
    guard: Guard | None = None,
    drain_secs: float = 30.0,
    grace_secs: float = 1.0,
    on_started: Callable[[], None] = lambda: None,
) -> DrainingServer:
    """Returns a server whose `run(sockets=[bind(host, port)])` serves until SIGTERM or SIGINT.

    Args:
      service: the models.
      examples: pictures that the page offers, by name.
      guard: from where it may be used; None: as bound to the loopback.
      drain_secs: see `DrainingServer`.
      grace_secs: see `DrainingServer`.
      on_started: see `DrainingServer`.

    Example:
      >>> server = make_server(Service([ServedModel("runs/export")]))
      >>> server.run(sockets=[bind("127.0.0.1", 8501)])
    """
    pool = ConnectionPool(service.limits)
    config = uvicorn.Config(
        create_app(service, examples, guard or Guard.of("127.0.0.1")),
        http=pool.protocol(),
        ws="none",
        access_log=False,
        log_level="warning",
        backlog=ACCEPTED_AT_ONCE,
        timeout_keep_alive=math.ceil(service.limits.idle_secs),
        timeout_graceful_shutdown=_CUT_SECS,
        server_header=False,
    )
    quiet_logs()
    return DrainingServer(config, service, pool, drain_secs, grace_secs, on_started)
