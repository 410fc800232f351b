"""Clients take turns: who asks for little is not behind who asks for much, and nobody starves."""

import threading

import pytest

from semreg_tf.serving.fair_queue import Client, FairQueue
from semreg_tf.serving.reader_pool import ReaderPool

SECS = 20


def drained(queue):
    return [queue.pop() for _ in range(len(queue))]


def test_connections_of_a_peer_take_turns():
    queue = FairQueue()
    for i in range(4):
        queue.push(f"a{i}", Client("p", 1))
    for i in range(2):
        queue.push(f"b{i}", Client("p", 2))
    queue.push("c0", Client("p", 3))
    assert drained(queue) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
    assert len(queue) == 0 and queue.pop() is None


def test_peers_take_turns_however_many_connections_each_has():
    queue = FairQueue()
    for port in range(5):
        queue.push(f"a{port}", Client("a", port))
    queue.push("b0", Client("b", 1))
    queue.push("b1", Client("b", 1))
    assert drained(queue) == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]


def test_new_connections_do_not_keep_back_an_earlier_ones_later_items():
    queue = FairQueue()
    for i in range(10):
        queue.push(f"large {i}", Client("p", 0))
    served = []
    for port in range(1, 200):
        queue.push(f"small {port}", Client("p", port))
        served.append(queue.pop())
    large = [i for i, item in enumerate(served) if item.startswith("large")]
    # Arrivals fill the whole service, and it still gets a share of what is served.
    assert len(large) >= 5, served


def test_an_item_that_does_not_fit_keeps_its_place():
    queue = FairQueue()
    for item in (5, 1, 6):
        queue.push(item, Client())
    assert queue.pop(lambda item: item < 5) == 1
    assert queue.pop(lambda item: item > 10) is None
    assert drained(queue) == [5, 6]


def test_the_busiest_peer_and_its_last_item_are_known():
    queue = FairQueue()
    assert queue.busiest() is None and queue.count("a") == 0
    for i in range(3):
        queue.push(f"a{i}", Client("a", i))
    queue.push("b", Client("b"))
    assert queue.busiest() == "a" and queue.count("a") == 3
    assert queue.pop_last("a") == "a2" and queue.pop_last("b") == "b"
    assert list(queue) == ["a0", "a1"]


def test_what_is_known_of_connections_is_bounded():
    queue = FairQueue()
    for port in range(5000):
        queue.push(port, Client("p", port))
        queue.push(-port, Client("p", 0))
        queue.pop()
        queue.pop()
    queue.push(0, Client("p", 0))
    assert all(len(peer._next_tags) <= 1001 for peer in queue._peers.values())


@pytest.fixture
def pool():
    made = ReaderPool(1, "test", niceness=1)
    yield made
    made.close()


def test_a_pool_runs_calls_in_turn_and_a_failure_is_that_calls_alone(pool):
    gate, order = threading.Event(), []
    first = pool.submit(Client("p", 1), gate.wait, SECS)
    futures = [pool.submit(Client("p", 1), order.append, f"a{i}") for i in range(3)]
    futures.append(pool.submit(Client("p", 2), order.append, "b0"))
    cancelled = pool.submit(Client("p", 3), order.append, "left")
    broken = pool.submit(Client("p", 4), int, "x")
    assert cancelled.cancel()
    gate.set()
    for future in (first, *futures):
        future.result(SECS)
    with pytest.raises(ValueError, match="invalid literal"):
        broken.result(SECS)
    assert order.index("b0") < order.index("a1") and "left" not in order


def test_a_closed_pool_cancels_what_waits(pool):
    gate = threading.Event()
    running = pool.submit(Client(), gate.wait, SECS)
    waiting = pool.submit(Client(), int)
    while not running.running():
        pass
    pool.close()
    gate.set()
    assert running.result(SECS) and waiting.cancelled()
