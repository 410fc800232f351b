"""Stopping: what was taken is answered, what is new is told so."""

import base64
import signal
import socket
import threading
import time

import pytest
import requests

from semreg_tf.serving.server import bind, warm_up

SECS = 20


@pytest.fixture
def ask(picture):
    body = {"instances": [{"b64": base64.b64encode(picture()).decode()}]}

    def post(address):
        return requests.post(f"{address}/v1/models/fake:predict", json=body, timeout=SECS)

    return post


def held_request(ask, address, model):
    """Sends a request that the model holds back; returns its thread and where the answer goes."""
    model.gate.clear()
    found = []

    def send():
        try:
            found.append(ask(address).status_code)
        except requests.ConnectionError:
            found.append("cut")

    thread = threading.Thread(target=send)
    thread.start()
    assert model.entered.acquire(timeout=SECS)
    return thread, found


def counted_ticks(server):
    """Returns a semaphore that each of the server's looks at whether to stop releases."""
    ticks, look = threading.Semaphore(0), server.on_tick

    async def counted(counter):
        try:
            return await look(counter)
        finally:
            ticks.release()

    server.on_tick = counted
    return ticks


def test_a_signal_lets_what_was_taken_end_and_refuses_what_is_new(running, ask):
    server, model, address, thread = running(grace_secs=0.0, drain_secs=SECS)
    assert ask(address).status_code == 200
    model.entered.acquire()
    waiting, found = held_request(ask, address, model)
    server.handle_exit(signal.SIGTERM, None)
    ticks = counted_ticks(server)
    answer = ask(address)
    assert answer.status_code == 503 and answer.headers["Connection"] == "close"
    assert requests.get(f"{address}/healthz", timeout=SECS).status_code == 503
    for _ in range(2):
        assert ticks.acquire(timeout=SECS)
    assert not server.should_exit and thread.is_alive() and not found
    model.gate.set()
    waiting.join(SECS)
    thread.join(SECS)
    assert found == [200] and not thread.is_alive() and not server.cut
    with pytest.raises(requests.ConnectionError):
        ask(address)


def test_a_second_signal_and_a_model_that_hangs_do_not_keep_it_from_stopping(running, ask):
    server, model, address, thread = running(grace_secs=0.0, drain_secs=1e6)
    waiting, found = held_request(ask, address, model)
    server.handle_exit(signal.SIGINT, None)
    server.handle_exit(signal.SIGINT, None)
    waiting.join(SECS)
    model.gate.set()
    thread.join(SECS)
    assert server.cut and found != [200]


def test_requests_that_do_not_end_in_time_are_cut(running, ask, monkeypatch):
    monkeypatch.setattr("semreg_tf.serving.server._CUT_SECS", 0)
    monkeypatch.setattr("semreg_tf.serving.service._END_SECS", 0.1)
    server, model, address, _ = running(grace_secs=0.0, drain_secs=0.0)
    waiting, found = held_request(ask, address, model)
    server.handle_exit(signal.SIGTERM, None)
    waiting.join(SECS)
    assert server.cut and found != [200]


def test_a_large_refused_body_still_gets_its_answer(running):
    _, _, address, _ = running()
    answer = requests.post(
        f"{address}/v1/models/fake:predict", data=bytes(40 * 2**20), timeout=SECS
    )
    assert answer.status_code == 413 and "larger than 33,554,432 bytes" in answer.json()["error"]
    assert requests.get(f"{address}/healthz", timeout=SECS).status_code == 200


def test_an_address_in_use_or_elsewhere_is_said_in_one_line():
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Cannot serve on 127.0.0.1, port {port}: Address"):
            bind("127.0.0.1", port)
    with pytest.raises(OSError, match=r"Cannot serve on 192\.0\.2\.1"):
        bind("192.0.2.1", 0)


def test_warming_up_asks_every_signature_of_pictures(fake_model):
    model = fake_model()
    assert warm_up(model, 4) >= 0
    sizes = [1, 4, 4]
    assert model.batches == [
        (name, size) for name in ("serving_default", "serving_with_tags") for size in sizes
    ]


def test_it_says_that_it_serves_once_it_accepts(running):
    said = []

    def on_started():
        # The thread that would answer runs this: to be connected is enough.
        said.append(socket.create_connection(("127.0.0.1", port), SECS))

    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), SECS)
    running(bound=bound, on_started=on_started)
    # It is said in the server's thread, which this one may overtake.
    end = time.monotonic() + SECS
    while not said and time.monotonic() < end:
        time.sleep(0.01)
    assert len(said) == 1
    said[0].close()


def test_a_request_that_came_late_gets_503_and_a_clean_end(running, ask):
    server, model, address, thread = running(grace_secs=0.0, drain_secs=SECS)
    waiting, found = held_request(ask, address, model)
    host, port = address.removeprefix("http://").split(":")
    begun = socket.create_connection((host, int(port)), SECS)
    begun.sendall(b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n")
    idle = socket.create_connection((host, int(port)), SECS)
    server.handle_exit(signal.SIGTERM, None)
    begun.sendall(b"Content-Length: 2\r\n\r\n{}")
    answer = b"".join(iter(lambda: begun.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 503 ") and b"connection: close" in answer.lower()
    assert thread.is_alive() and not found
    model.gate.set()
    # An idle connection is closed, not reset.
    assert idle.recv(1) == b""
    for connection in (begun, idle):
        connection.close()
    waiting.join(SECS)
    thread.join(SECS)
    assert found == [200] and not server.cut


def test_a_request_that_has_begun_to_come_is_answered_before_the_end(running, monkeypatch):
    monkeypatch.setattr("semreg_tf.serving.server._LAST_SECS", 0)
    server, _, address, thread = running(grace_secs=0.0)
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), SECS) as begun:
        begun.sendall(b"GET /healthz HTTP/1.1\r\n")
        while not any(connection.is_in_exchange() for connection in list(server.pool.connections)):
            pass
        server.handle_exit(signal.SIGTERM, None)
        # By then all connections have been told to end.
        while any(listening.is_serving() for listening in server.servers):
            time.sleep(0.001)
        time.sleep(0.05)
        begun.sendall(b"Host: localhost\r\n\r\n")
        assert begun.recv(4096).startswith(b"HTTP/1.1 503 ")
    thread.join(SECS)
    assert not thread.is_alive()


def test_a_body_that_is_not_whole_keeps_nobody_from_stopping(running, monkeypatch):
    monkeypatch.setattr("semreg_tf.serving.server._CUT_SECS", 3600)
    monkeypatch.setattr("semreg_tf.serving.connection._LINGER_SECS", 0.1)
    server, _, address, thread = running(grace_secs=0.0, drain_secs=1e6)
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), SECS) as slow:
        slow.sendall(
            b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        server.handle_exit(signal.SIGTERM, None)
        thread.join(SECS)
        assert not thread.is_alive() and not server.cut
