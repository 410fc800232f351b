"""Runs the application with uvicorn, and stops it without losing requests."""

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

# Time for open connections to close once the drain is over.
_CUT_SECS = 3
# Connections in the kernel's queue.
_BACKLOG = 2048
# Time to accept the connections in the kernel's queue when the server stops.
_LAST_SECS = 0.1
# Ticks (ten a second) between two returns of free memory.
_TICKS = 100


class DrainingServer(uvicorn.Server):
    """A server that, after a signal, answers accepted requests and refuses new ones with 503.

    Args:
      config: uvicorn's config.
      service: the models.
      pool: the connections.
      drain_secs: longest time to wait for accepted requests.
      grace_secs: shortest time in which new requests are answered 503, so that a load balancer
        notices before connections are refused.
      on_started: called once connections are accepted.

    Attributes:
      pool: the connections.
      cut: whether accepted requests were unanswered when it stopped.
      stopped_by: the signal that stopped it, or None.
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
        self._drain_start = 0.0
        self.cut = False
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept connections, and calls `on_started`."""
        await super().startup(sockets)
        for bound in sockets or []:
            # asyncio sets the kernel's queue to the number that it accepts at once.
            bound.listen(_BACKLOG)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers the latest connections, then closes."""
        for bound in sockets or []:
            # Closing the socket resets connections in the kernel's queue: shorten it first.
            bound.listen(1)
        await asyncio.sleep(_LAST_SECS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain at the first signal, and stops at once at the second."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
        self._service.draining = True
        self.stopped_by = sig
        self._drain_start = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Ends the loop once the drain is over; returns free memory now and then."""
        if self._service.draining:
            waited = time.monotonic() - self._drain_start
            idle = self._service.intake.requests == 0
            if waited >= self._drain_secs or (idle and waited >= self._grace_secs):
                self.should_exit = True
        if counter % _TICKS == 0:
            await asyncio.to_thread(return_free_memory)
        self.cut = self.should_exit and self._service.intake.requests > 0
        return await super().on_tick(counter)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address. Bind before loading models, to fail early.

    Raises:
      OSError: the address is in use or does not belong to this machine.
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
    """Runs the model on grey pictures, since first calls are slow; returns a batch's seconds."""
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

    Arguments as for `create_app` and `DrainingServer`; the guard is that of a server on the
    loopback by default.

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
