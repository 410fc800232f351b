"""One thread runs the model on batches of whatever requests have queued."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from semreg_tf.serving.limits import Refusal

# How much the last batch counts in the running mean of a batch's time.
_NEWEST = 0.2


@dataclass(frozen=True)
class BatchRules:
    """When a batch starts, and for whom it is too late.

    Attributes:
      max_images: it starts when so many wait,
      max_wait_ms: or when the first has waited so long,
      max_pixels: or when the next would take its pictures over so many pixels, which bounds the
        memory that unpacking takes.
      max_queue_secs: rows older than this when their batch starts are refused in place of run.

    Raises:
      ValueError: a rule out of range.
    """

    max_images: int = 16
    max_wait_ms: float = 10.0
    max_pixels: int = 32_000_000
    max_queue_secs: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (
            ("max_images", 1),
            ("max_wait_ms", 0),
            ("max_pixels", 1),
            ("max_queue_secs", 0),
        ):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}")


@dataclass(frozen=True, eq=False)
class Row:
    """One picture waiting.

    Attributes:
      key: rows of one key may share a batch.
      value: what the model is given.
      pixels: of the picture.
      since: when its request came, in seconds of the monotonic clock.
      future: gets the answer, or the exception.
    """

    key: Hashable
    value: Any
    pixels: int = 0
    since: float = field(default_factory=time.monotonic)
    future: Future = field(default_factory=Future)


class Batcher:
    """A bounded queue and the thread that empties it.

    Args:
      run: `run(key, values)` returns an answer a value, in order; an answer that is an exception
        is raised to its own request alone.
      rules: when a batch starts.
      max_queue_images: more waiting rows are refused.
      on_batch: told the size and the seconds of every batch.

    Example:
      >>> batcher = Batcher(lambda key, values: [v + 1 for v in values], BatchRules(), 8)
      >>> batcher.start()
      >>> [row.result() for row in batcher.submit([Row("model", 1)])]
      [2]
    """

    def __init__(
        self,
        run: Callable[[Hashable, list[Any]], Sequence[Any]],
        rules: BatchRules,
        max_queue_images: int,
        on_batch: Callable[[int, float], None] = lambda size, secs: None,
    ) -> None:
        self._run, self._rules, self._capacity, self._on_batch = (
            run,
            rules,
            max_queue_images,
            on_batch,
        )
        self._rows: deque[Row] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._batch_secs = 0.0
        self._thread = threading.Thread(target=self._loop, name="inference", daemon=True)

    @property
    def depth(self) -> int:
        """Rows that wait."""
        return len(self._rows)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, timeout_secs: float | None = None) -> None:
        """Answers all that wait, then ends the thread; later rows are refused.

        Args:
          timeout_secs: the longest to wait for that; None: for ever.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_secs)

    def check_room(self, num_rows: int = 1) -> None:
        """Says early whether rows would be refused.

        Raises:
          Refusal: 429 where the queue is full, with the time it takes to empty.
        """
        if self.depth + num_rows > self._capacity:
            batches = -(-self._capacity // self._rules.max_images)
            raise Refusal(
                429,
                f"The server is busy: {self.depth} pictures wait, of at most {self._capacity}. "
                "Try again later.",
                batches * self._batch_secs,
            )

    def submit(self, rows: Sequence[Row]) -> list[Future]:
        """Queues the rows of one request, all or none.

        Returns:
          A future a row.

        Raises:
          Refusal: 429 where the queue is full, 503 where the server is stopping.
        """
        with self._changed:
            if self._closing:
                raise Refusal(503, "The server is stopping.")
            self.check_room(len(rows))
            self._rows.extend(rows)
            self._changed.notify_all()
        return [row.future for row in rows]

    def _loop(self) -> None:
        while taken := self._next_batch():
            # A future that runs can no longer be cancelled; one that was is left out.
            batch = [row for row in taken if row.future.set_running_or_notify_cancel()]
            oldest = time.monotonic() - self._rules.max_queue_secs
            for row in batch:
                if row.since < oldest:
                    row.future.set_exception(self.too_late())
            if batch := [row for row in batch if not row.future.done()]:
                self._answer(batch)

    def too_late(self) -> Refusal:
        """Returns what a row that waited too long is told."""
        return Refusal(
            429,
            f"The server is busy: the model was not free within {self._rules.max_queue_secs:g} "
            "seconds. Try again later.",
            self._rules.max_queue_secs / 2,
        )

    def _answer(self, batch: list[Row]) -> None:
        started = time.monotonic()
        try:
            answers = self._run(batch[0].key, [row.value for row in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} pictures")
        # Whatever it is, it is these requests' answer; the thread goes on.
        except Exception as error:
            answers = [error] * len(batch)
        secs = time.monotonic() - started
        self._batch_secs += (secs - self._batch_secs) * (_NEWEST if self._batch_secs else 1)
        self._on_batch(len(batch), secs)
        for row, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                row.future.set_exception(answer)
            else:
                row.future.set_result(answer)

    def _next_batch(self) -> list[Row]:
        """Returns the oldest row and those that may share its batch; none when all is done."""
        with self._changed:
            while not self._rows and not self._closing:
                self._changed.wait()
            while self._rows:
                batch, full = self._ready()
                left = batch[0].since + self._rules.max_wait_ms / 1000 - time.monotonic()
                if full or left <= 0 or self._closing:
                    taken = set(map(id, batch))
                    self._rows = deque(row for row in self._rows if id(row) not in taken)
                    return batch
                self._changed.wait(left)
            return []

    def _ready(self) -> tuple[list[Row], bool]:
        """Returns the rows of the oldest row's key that fit a batch, and whether it is full."""
        batch, pixels = [], 0
        for row in self._rows:
            if row.key != self._rows[0].key:
                continue
            over = pixels + row.pixels > self._rules.max_pixels
            if batch and (over or len(batch) == self._rules.max_images):
                return batch, True
            batch.append(row)
            pixels += row.pixels
        return batch, len(batch) == self._rules.max_images
