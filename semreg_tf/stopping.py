"""Ctrl-C and SIGTERM: the first ends a program in order, the second at once."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# One request may arrive twice: a terminal, `timeout` and a cluster's scheduler signal a whole group
# of processes, whose members pass the signal on to each other.
_SAME_REQUEST_SECS = 0.5
_CHILDREN: set[subprocess.Popen] = set()


class Stopped(KeyboardInterrupt):
    """A signal asked the program to end.

    Args:
      number: the signal's.
      message: what is kept and how to go on, in one line; empty: the program says it.

    Attributes:
      number: the signal's.
    """

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(message)
        self.number = number

    @property
    def exit_status(self) -> int:
        """The exit status of a program that this signal ended: 130 or 143."""
        return 128 + self.number


@contextlib.contextmanager
def signals_handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Hands SIGINT and SIGTERM to `handler` for a while.

    A signal that the process was started to ignore stays ignored: a shell starts background jobs
    so, and ends them itself. In a thread other than the main one nothing changes.
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

    The second one ends it even while Python waits for TensorFlow: a thread reads the signals from
    the file descriptor to which the interpreter's own handler writes them.
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
    """Runs a program to its end and returns its exit status; a signal to us stops it first."""
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
