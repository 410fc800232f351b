"""Threads that read pictures, whose work is shared out fairly between clients."""

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from semreg_tf.serving.fair_queue import Client, FairQueue


class ReaderPool:
    """A few threads behind a fair queue.

    Args:
      num_threads: as many calls run at once.
      name: of the threads.
      niceness: added to the threads' niceness where the system has one for each thread (Linux), so
        that their work gives way to all other work of the process.

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
        """Returns the future of a call; cancelling it takes it out of the queue."""
        future: Future = Future()
        with self._changed:
            self._queue.push((future, call, arguments), client)
            self._changed.notify()
        return future

    def close(self) -> None:
        """Ends the threads after what they do now; calls that wait are cancelled."""
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
                # Whatever it is, it is this call's answer; the thread goes on.
                except Exception as error:
                    future.set_exception(error)
            # Its picture is not held until the next one comes.
            del future, call, arguments
