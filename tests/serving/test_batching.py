"""Batches start when they should, a full queue refuses, and one bad picture fails alone."""

import threading
import time

import pytest

from semreg_tf.serving.batching import Batcher, BatchRules, Row
from semreg_tf.serving.fair_queue import Client
from semreg_tf.serving.limits import Refusal

SECS = 20


class Model:
    """Doubles; keeps its batches; waits at the gate."""

    def __init__(self):
        self.batches, self.entered, self.gate = [], threading.Semaphore(0), threading.Event()
        self.gate.set()

    def __call__(self, key, values):
        self.entered.release()
        assert self.gate.wait(SECS)
        self.batches.append((key, values))
        return [2 * value if value >= 0 else ValueError(f"bad {value}") for value in values]


@pytest.fixture
def start():
    started = []

    def make(model, capacity=8, **rules):
        batcher = Batcher(model, BatchRules(**rules), capacity)
        batcher.start()
        started.append((batcher, model))
        return batcher

    yield make
    for batcher, model in started:
        getattr(model, "gate", threading.Event()).set()
        batcher.close()


def rows(*values, key="a", pixels=0):
    return [Row(key, value, pixels) for value in values]


def results(futures):
    return [future.result(SECS) for future in futures]


def test_a_batch_starts_when_it_is_full_and_not_before(start):
    model = Model()
    batcher = start(model, max_images=3, max_wait_ms=1e6)
    first = batcher.submit(rows(1, 2))
    assert not any(future.done() for future in first)
    second = batcher.submit(rows(3, 4))
    assert results(first) == [2, 4] and second[0].result(SECS) == 6
    assert model.batches == [("a", [1, 2, 3])]
    # The last waits for company until the server stops.
    batcher.close()
    assert second[1].result(SECS) == 8


def test_a_lonely_picture_waits_no_longer_than_said(start):
    model = Model()
    assert results(start(model, max_images=16, max_wait_ms=1).submit(rows(5))) == [10]
    assert model.batches == [("a", [5])]


def test_what_queues_behind_a_running_batch_goes_together(start):
    model = Model()
    batcher = start(model, max_images=4, max_wait_ms=0)
    model.gate.clear()
    futures = batcher.submit(rows(1))
    assert model.entered.acquire(timeout=SECS)
    for value in (2, 3, 4):
        futures += batcher.submit(rows(value))
    model.gate.set()
    assert results(futures) == [2, 4, 6, 8]
    assert model.batches == [("a", [1]), ("a", [2, 3, 4])]


def test_models_share_no_batch_and_pixels_bound_one(start):
    model = Model()
    batcher = start(model, max_images=8, max_wait_ms=1e6, max_pixels=100)
    futures = batcher.submit(rows(1, pixels=60) + rows(2, key="b") + rows(3, pixels=40))
    futures += batcher.submit(rows(4, pixels=60))
    batcher.close()
    assert results(futures) == [2, 4, 6, 8]
    assert model.batches == [("a", [1, 3]), ("b", [2]), ("a", [4])]


def test_a_picture_larger_than_a_batch_goes_alone(start):
    model = Model()
    batcher = start(model, max_wait_ms=1e6, max_pixels=100)
    futures = batcher.submit(rows(1, 2, pixels=500))
    batcher.close()
    assert results(futures) == [2, 4]
    assert model.batches == [("a", [1]), ("a", [2])]


def test_a_full_queue_takes_a_request_whole_or_not_at_all(start):
    model = Model()
    batcher = start(model, capacity=3, max_images=1, max_wait_ms=0)
    model.gate.clear()
    futures = batcher.submit(rows(0))
    assert model.entered.acquire(timeout=SECS)
    futures += batcher.submit(rows(1, 2))
    with pytest.raises(Refusal, match="2 pictures wait, of at most 3") as refusal:
        batcher.submit(rows(3, 4))
    assert refusal.value.status == 429 and int(refusal.value.headers["Retry-After"]) >= 1
    assert batcher.depth == 2
    batcher.check_room()
    futures += batcher.submit(rows(3))
    with pytest.raises(Refusal):
        batcher.check_room()
    model.gate.set()
    assert results(futures) == [0, 2, 4, 6]


def test_a_bad_row_and_a_failing_model_leave_the_thread_running(start):
    futures = start(Model(), max_images=2, max_wait_ms=0).submit(rows(-1, 2))
    with pytest.raises(ValueError, match="bad -1"):
        futures[0].result(SECS)
    assert futures[1].result(SECS) == 4

    def failing(key, values):
        if values == [0]:
            raise MemoryError("no memory")
        return values[1:] if values == [1] else values

    batcher = start(failing, max_images=1, max_wait_ms=0)
    with pytest.raises(MemoryError):
        batcher.submit(rows(0))[0].result(SECS)
    with pytest.raises(RuntimeError, match="0 answers to 1 pictures"):
        batcher.submit(rows(1))[0].result(SECS)
    assert results(batcher.submit(rows(2))) == [2]


def test_who_left_is_not_waited_for(start):
    model = Model()
    batcher = start(model, max_images=1, max_wait_ms=0)
    model.gate.clear()
    running, left, waiting = batcher.submit(rows(1, 2, 3))
    assert model.entered.acquire(timeout=SECS)
    assert left.cancel() and not running.cancel()
    model.gate.set()
    assert results([running, waiting]) == [2, 6]
    assert model.batches == [("a", [1]), ("a", [3])]


def test_what_waited_too_long_is_refused_and_the_rest_is_run(start):
    model = Model()
    batcher = start(model, max_images=3, max_wait_ms=1e6, max_queue_secs=60)
    old = Row("a", 1, since=time.monotonic() - 61)
    futures = batcher.submit([old, *rows(2, 3)])
    with pytest.raises(Refusal, match="not free within 60 seconds") as refusal:
        futures[0].result(SECS)
    assert refusal.value.status == 429 and "Retry-After" in refusal.value.headers
    assert results(futures[1:]) == [4, 6] and model.batches == [("a", [2, 3])]


def test_stopping_answers_what_waits_and_refuses_more(start):
    model = Model()
    batcher = start(model, max_images=1, max_wait_ms=0)
    model.gate.clear()
    futures = batcher.submit(rows(1, 2, 3))
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while not batcher._closing:
        pass
    with pytest.raises(Refusal, match="stopping") as refusal:
        batcher.submit(rows(4))
    assert refusal.value.status == 503
    model.gate.set()
    closing.join(SECS)
    assert results(futures) == [2, 4, 6]


def test_sizes_and_seconds_are_told():
    told = []
    batcher = Batcher(lambda key, values: values, BatchRules(max_wait_ms=1e6), 8,
                      lambda size, secs: told.append((size, secs >= 0)))  # fmt: skip
    batcher.start()
    batcher.submit(rows(1, 2, 3))
    batcher.close()
    assert told == [(3, True)]


@pytest.mark.parametrize(
    "name, least",
    [
        ("max_images", 1),
        ("max_wait_ms", 0),
        ("max_pixels", 1),
        ("max_queue_secs", 0),
        ("large_pixels", 1),
    ],
)
def test_rules_out_of_range_are_refused(name, least):
    with pytest.raises(ValueError, match=f"`{name}` must be at least {least}"):
        BatchRules(**{name: least - 1})


def test_a_value_that_fails_the_whole_batch_fails_alone(start):
    calls = []

    def whole_or_nothing(key, values):
        calls.append(values)
        if -1 in values:
            raise ValueError("bad -1")
        return [2 * value for value in values]

    futures = start(whole_or_nothing, max_images=3, max_wait_ms=1e6).submit(rows(1, -1, 3))
    assert futures[0].result(SECS) == 2 and futures[2].result(SECS) == 6
    with pytest.raises(ValueError, match="bad -1"):
        futures[1].result(SECS)
    assert calls == [[1, -1, 3], [1], [-1], [3]]


def of(peer, *values, connection=0, pixels=0):
    client = Client(peer, connection)
    return [Row("a", value, pixels, client=client) for value in values]


def test_a_request_of_few_pictures_is_not_behind_one_of_many(start):
    model = Model()
    batcher = start(model, capacity=16, max_images=2, max_wait_ms=0)
    model.gate.clear()
    futures = batcher.submit(rows(0))
    assert model.entered.acquire(timeout=SECS)
    futures += batcher.submit(of("p", 1, 2, 3, 4, connection=1))
    futures += batcher.submit(of("p", 5, connection=2)) + batcher.submit(of("q", 6))
    model.gate.set()
    results(futures)
    assert [values for _, values in model.batches] == [[0], [1, 6], [5, 2], [3, 4]]


def test_large_pictures_give_way_and_are_reached_all_the_same(start):
    model = Model()
    batcher = start(model, capacity=64, max_images=1, max_wait_ms=0, large_pixels=10)
    model.gate.clear()
    futures = batcher.submit(rows(0))
    assert model.entered.acquire(timeout=SECS)
    batcher._large_from = time.monotonic() + 3600
    futures += batcher.submit(of("p", 100, pixels=11)) + batcher.submit(of("q", 1, 2))
    model.gate.set()
    results(futures)
    assert [values for _, values in model.batches] == [[0], [1], [2], [100]]
    # Having waited as long as it must, a large picture goes first.
    model = Model()
    batcher = start(model, capacity=64, max_images=1, max_wait_ms=0, large_pixels=10)
    model.gate.clear()
    futures = batcher.submit(rows(0))
    assert model.entered.acquire(timeout=SECS)
    futures += batcher.submit(of("q", 1)) + batcher.submit(of("p", 100, pixels=11))
    model.gate.set()
    results(futures)
    assert [values for _, values in model.batches] == [[0], [100], [1]]
    assert batcher._large_from > 0


def test_a_crowding_peer_makes_room_for_another_but_not_for_itself(start):
    model = Model()
    batcher = start(model, capacity=4, max_images=1, max_wait_ms=0)
    model.gate.clear()
    futures = batcher.submit(rows(0))
    assert model.entered.acquire(timeout=SECS)
    crowd = batcher.submit(of("p", 1, 2, 3, 4))
    for refused in (lambda: batcher.submit(of("p", 5)), lambda: batcher.check_room("p")):
        with pytest.raises(Refusal, match="4 pictures wait"):
            refused()
    batcher.check_room("q")
    futures += batcher.submit(of("q", 6))
    with pytest.raises(Refusal, match="4 pictures wait") as refusal:
        crowd[3].result(SECS)
    assert refusal.value.status == 429
    # With what they have alike, nobody makes room.
    futures += batcher.submit(of("q", 7))
    with pytest.raises(Refusal):
        batcher.submit(of("q", 8))
    model.gate.set()
    assert results(futures) == [0, 12, 14] and results(crowd[:2]) == [2, 4]
