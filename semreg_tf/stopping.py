"""Handling of SIGINT and SIGTERM: the first stops a program in order, the second at once."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Signals within this time are one request: a terminal, `timeout` or a scheduler signals a whole
# process group, whose members pass the signal on to each other.
_SAME_REQUEST_SECS = 0.5
_CHILDREN: set[subprocess.Popen] = set()


class Stopped(KeyboardInterrupt):
    """A signal requested the program to stop.

    Args:
      number: the signal's number.
      message: one line on what is saved and how to continue; empty: the program's own message.

    Attributes:
      number: the signal's number.
    """

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(message)
        self.number = number

    @property
    def exit_status(self) -> int:
        """The exit status of a program stopped by this signal: 130 or 143."""
        return 128 + self.number


@contextlib.contextmanager
def signals_handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handles SIGINT and SIGTERM by `handler` inside the context.

    Signals that the process ignores since its start stay ignored, as in background jobs of a shell.
    In threads other than the main thread this has no effect.
    """
    earlier = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                earlier[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in earlier.items():
            signal.signal(number, before)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raises `Stopped` at the first signal and ends the process at the second.

    The second signal works even while Python waits for TensorFlow, because a thread reads signals
    from the file descriptor to which the interpreter writes them.
    """
    raised: list[int] = []

    def stop(number: int, _: Any) -> None:
        if not raised:
            raised.append(number)
            raise Stopped(number)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_end_at_second, args=(reader,), daemon=True).start()
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        with signals_handled_by(stop):
            yield
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(writer)


def _end_at_second(reader: int) -> None:
    first = None
    while number := os.read(reader, 1):
        if number[0] not in SIGNALS:
            continue
        now = time.monotonic()
        first = now if first is None else first
        if now - first > _SAME_REQUEST_SECS:
            for child in tuple(_CHILDREN):
                child.kill()
            os._exit(128 + number[0])
    os.close(reader)


def run_child(command: Sequence[str]) -> int:
    """Runs a program and returns its exit status; a signal to this process stops it too."""
    process = subprocess.Popen(command)
    _CHILDREN.add(process)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    finally:
        _CHILDREN.discard(process)
