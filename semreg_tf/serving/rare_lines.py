"""Log lines that a client can cause are few, however often it causes them."""

import logging
import time


class RareLines(logging.Filter):
    """Lets through a few log lines of a kind a minute, then says how many it left out.

    Args:
      most: lines of one kind, told apart by their form before values are put in.
      secs: in which so many pass.
    """

    def __init__(self, most: int = 5, secs: float = 60.0) -> None:
        super().__init__()
        self._most, self._secs = most, secs
        # By form: when its time began, and how many lines came in it.
        self._counts: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a line is written."""
        kind, now = str(record.msg), time.monotonic()
        began, number = self._counts.get(kind, (now, 0))
        if now - began >= self._secs:
            if number > self._most:
                record.msg = f"{kind.rstrip()} ({number - self._most} more like it before)"
            began, number = now, 0
        self._counts[kind] = (began, number + 1)
        return number < self._most


def quiet_logs() -> None:
    """Keeps clients from filling the disk with log lines."""
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        for old in [f for f in logger.filters if isinstance(f, RareLines)]:
            logger.removeFilter(old)
        logger.addFilter(RareLines())
    # Its warnings say what the answer to the client says too.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
