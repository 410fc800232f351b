"""A queue of pictures, and the thread that runs the models on batches of them."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from semreg_tf.config_checks import config_class, number
from semreg_tf.serving.fair_queue import Client, FairQueue
from semreg_tf.serving.limits import Refusal

# Weight of the last batch in the running mean of a batch's time.
_NEWEST = 0.2
# While both wait, small pictures get this many times the model's time of large ones.
_SMALL_SHARE = 4.0


@config_class
class BatchRules:
    """Conditions for starting a batch. It starts as soon as one of the first three is met.

    Attributes:
      max_images: this many pictures wait.
      max_wait_ms: the first picture has waited this long.
      max_pixels: one more picture would exceed this many pixels, which bounds the memory of
        decoded pictures.
      max_queue_secs: rows older than this when their batch starts are refused.
      large_pixels: pictures with more pixels are batched separately, and get a fifth of the
        model's time while smaller ones wait.

    Raises:
      ValueError: a value is out of range.
    """

    max_images: int = number(16, 1)
    max_wait_ms: float = number(10.0, 0.0)
    max_pixels: int = number(32_000_000, 1)
    max_queue_secs: float = number(10.0, 0.0)
    large_pixels: int = number(4_000_000, 1)


@dataclass(frozen=True, eq=False)
class Row:
    """A picture that waits for the model.

    Attributes:
      key: rows of equal keys may share a batch.
      value: the model's input.
      pixels: number of pixels of the picture.
      since: arrival of the request, in seconds of the monotonic clock.
      client: the client of the request; clients take turns.
      future: receives the answer or the exception.
    """

    key: Hashable
    value: Any
    pixels: int = 0
    since: float = field(default_factory=time.monotonic)
    client: Client = field(default_factory=Client)
    future: Future = field(default_factory=Future)


class Batcher:
    """A bounded queue and the thread that runs batches of its rows.

    Clients take turns. If the queue is full, rows of a peer with few rows replace the last rows of
    the peer with the most.

    Args:
      run: `run(key, values)` returns one answer per value, in order; an answer that is an exception
        is raised for its row only. If `run` raises for a batch, it is called for each value alone.
      rules: conditions for starting a batch.
      max_queue_images: capacity of the queue.
      on_batch: called with the size and the seconds of every batch.

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
        self._run, self._on_batch = run, on_batch
        self._rules, self._capacity = rules, max_queue_images
        # Small pictures, large pictures.
        self._lanes: tuple[FairQueue[Row], FairQueue[Row]] = (FairQueue(), FairQueue())
        self._large_from = 0.0
        self._changed = threading.Condition()
        self._closing = False
        self._batch_secs = 0.0
        self._thread = threading.Thread(target=self._loop, name="inference", daemon=True)

    @property
    def depth(self) -> int:
        """Number of waiting rows."""
        with self._changed:
            return sum(map(len, self._lanes))

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, timeout_secs: float | None = None) -> None:
        """Refuses new rows, answers the waiting ones, and waits for the end of the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_secs)

    def check_room(self, peer: str = "") -> None:
        """Checks whether the queue has room for a row of a peer.

        Raises:
          Refusal: 429 if the queue is full, with the time until it is empty.
        """
        with self._changed:
            over = self.depth + 1 - self._capacity
            if over > 0 and self._crowding_lane(peer, 1, over) is None:
                raise self._full()

    def submit(self, rows: Sequence[Row]) -> list[Future]:
        """Queues all rows of one request, or none, and returns their futures.

        Raises:
          Refusal: 429 if the queue is full, 503 if the server is stopping.
        """
        with self._changed:
            if self._closing:
                raise Refusal(503, "The server is stopping.")
            if rows:
                self._make_room(rows[0].client.peer, len(rows))
            for row in rows:
                self._lanes[row.pixels > self._rules.large_pixels].push(row, row.client)
            self._changed.notify_all()
        return [row.future for row in rows]

    def _full(self) -> Refusal:
        batches = -(-self._capacity // self._rules.max_images)
        return Refusal(
            429,
            f"The server is busy: {self.depth} pictures wait, of at most {self._capacity}. "
            "Try again later.",
            batches * self._batch_secs,
        )

    def _crowding_lane(self, peer: str, num_rows: int, over: int) -> FairQueue[Row] | None:
        """Returns the lane whose busiest peer, less `over` rows, has as many as `peer`."""
        num_of_peer = sum(lane.count(peer) for lane in self._lanes) + num_rows
        for lane in sorted(self._lanes, key=len, reverse=True):
            busiest = lane.busiest()
            if busiest not in (None, peer) and lane.count(busiest) - over >= num_of_peer:
                return lane
        return None

    def _make_room(self, peer: str, num_rows: int) -> None:
        over = self.depth + num_rows - self._capacity
        if over <= 0:
            return
        lane = self._crowding_lane(peer, num_rows, over)
        if lane is None:
            raise self._full()
        crowding, refusal = lane.busiest(), self._full()
        for _ in range(over):
            row = lane.pop_last(crowding)
            if row.future.set_running_or_notify_cancel():
                row.future.set_exception(refusal)

    def _loop(self) -> None:
        while queued := self._next_batch():
            # A running future can no longer be cancelled; rows cancelled before are dropped.
            batch = [row for row in queued if row.future.set_running_or_notify_cancel()]
            oldest = time.monotonic() - self._rules.max_queue_secs
            for row in batch:
                if row.since < oldest:
                    row.future.set_exception(self.too_late())
            if batch := [row for row in batch if not row.future.done()]:
                secs = self._answer(batch)
                if batch[0].pixels > self._rules.large_pixels:
                    self._large_from = time.monotonic() + _SMALL_SHARE * secs
            # Frees the pictures before the next batch.
            del queued, batch

    def too_late(self) -> Refusal:
        """Returns the refusal of a row that waited too long."""
        return Refusal(
            429,
            f"The server is busy: the model was not free within {self._rules.max_queue_secs:g} "
            "seconds. Try again later.",
            self._rules.max_queue_secs / 2,
        )

    def _answer(self, batch: list[Row]) -> float:
        """Runs a batch and sets its futures; returns the seconds of the run."""
        started = time.monotonic()
        answers = self._try(batch)
        if len(batch) > 1 and isinstance(answers[0], _Failed):
            # One row may have made the whole batch fail.
            answers = [self._try([row])[0] for row in batch]
        secs = time.monotonic() - started
        self._batch_secs += (secs - self._batch_secs) * (_NEWEST if self._batch_secs else 1)
        self._on_batch(len(batch), secs)
        for row, answer in zip(batch, answers, strict=True):
            if isinstance(answer, _Failed):
                answer = answer.error
            if isinstance(answer, Exception):
                row.future.set_exception(answer)
            else:
                row.future.set_result(answer)
        return secs

    def _try(self, batch: list[Row]) -> Sequence[Any]:
        try:
            answers = self._run(batch[0].key, [row.value for row in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} pictures")
            return answers
        # The requests get the exception; the thread continues.
        except Exception as error:
            return [_Failed(error)] * len(batch)

    def _next_batch(self) -> list[Row]:
        """Waits for the next batch and returns its rows; none once the batcher is closed."""
        with self._changed:
            while True:
                lane = self._next_lane()
                if lane is None:
                    if self._closing:
                        return []
                    self._changed.wait()
                    continue
                key = next(iter(lane)).key
                rows = [row for row in lane if row.key == key]
                pixels = sum(row.pixels for row in rows)
                full = len(rows) >= self._rules.max_images or pixels > self._most_pixels(lane)
                oldest = min(row.since for row in rows)
                left = oldest + self._rules.max_wait_ms / 1000 - time.monotonic()
                if full or left <= 0 or self._closing:
                    return self._take(lane, key)
                self._changed.wait(left)

    def _next_lane(self) -> FairQueue[Row] | None:
        small, large = self._lanes
        if not len(large):
            return small if len(small) else None
        return large if not len(small) or time.monotonic() >= self._large_from else small

    def _most_pixels(self, lane: FairQueue[Row]) -> int:
        # A batch of large pictures is half as long, since small ones wait for its end.
        return self._rules.max_pixels // (2 if lane is self._lanes[1] else 1)

    def _take(self, lane: FairQueue[Row], key: Hashable) -> list[Row]:
        """Removes rows of a key from a lane, as many as a batch may hold."""
        batch: list[Row] = []
        pixels, most_pixels = 0, self._most_pixels(lane)

        def fits(row: Row) -> bool:
            return row.key == key and (not batch or pixels + row.pixels <= most_pixels)

        while len(batch) < self._rules.max_images and (row := lane.pop(fits)) is not None:
            batch.append(row)
            pixels += row.pixels
        return batch


@dataclass(frozen=True)
class _Failed:
    """The answer of each row of a call that raised."""

    error: Exception
