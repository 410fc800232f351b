"""A limit on the rate of log lines that clients cause."""

import logging
import time


class RareLines(logging.Filter):
    """Passes `most` log lines of each format string per `secs`, and counts those it drops."""

    def __init__(self, most: int = 5, secs: float = 60.0) -> None:
        super().__init__()
        self._most, self._secs = most, secs
        # By format string: start of the interval, and number of lines in it.
        self._counts: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a line passes; adds the number of dropped lines to the next that does."""
        template, now = str(record.msg), time.monotonic()
        start, number = self._counts.get(template, (now, 0))
        if now - start >= self._secs:
            if number > self._most:
                record.msg = f"{template.rstrip()} ({number - self._most} similar lines dropped)"
            start, number = now, 0
        self._counts[template] = (start, number + 1)
        return number < self._most


def quiet_logs() -> None:
    """Limits the log lines that clients can cause, so that they cannot fill the disk."""
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        for old in [f for f in logger.filters if isinstance(f, RareLines)]:
            logger.removeFilter(old)
        logger.addFilter(RareLines())
    # Its warnings repeat the reasons that clients get as answers.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
