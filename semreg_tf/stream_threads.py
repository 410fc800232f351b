"""Threads of a generator, which may be abandoned."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def stream_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Provides a generator's threads; at its end, what they have not begun is cancelled.

    An abandoned generator does not wait for them: Python's garbage collector may end it inside
    `Thread.start`, where joining a thread would never end.

    Args:
      number: the most threads.
    """
    pool, wait = ThreadPoolExecutor(number), True
    try:
        yield pool
    except GeneratorExit:
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)
