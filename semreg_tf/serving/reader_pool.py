"""A thread pool whose queue is fair to clients."""

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from semreg_tf.serving.fair_queue import Client, FairQueue


class ReaderPool:
    """Threads that run calls from a fair queue, with a niceness where each has one (Linux).

    Example:
      >>> pool = ReaderPool(1, "pictures")
      >>> pool.submit(Client(), len, b"abc").result()
      3
    """

    def __init__(self, num_threads: int, name: str, niceness: int = 0) -> None:
        self._queue: FairQueue[tuple[Future, Callable[..., Any], tuple]] = FairQueue()
        self._changed = threading.Condition()
        self._closing = False
        self._niceness = niceness
        for i in range(num_threads):
            threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True).start()

    def submit(self, client: Client, call: Callable[..., Any], *arguments: Any) -> Future:
        """Queues a call and returns its future; cancelling the future skips the call."""
        future: Future = Future()
        with self._changed:
            self._queue.push((future, call, arguments), client)
            self._changed.notify()
        return future

    def close(self) -> None:
        """Cancels waiting calls, and ends the threads after their current calls."""
        with self._changed:
            self._closing = True
            for future, _, _ in self._queue:
                future.cancel()
            self._changed.notify_all()

    def _work(self) -> None:
        if self._niceness:
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
        while True:
            with self._changed:
                while not len(self._queue) and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                future, call, arguments = self._queue.pop()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call(*arguments))
                # The caller gets the exception; the thread continues.
                except Exception as error:
                    future.set_exception(error)
            # Frees the picture before the next call.
            del future, call, arguments
