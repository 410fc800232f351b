"""A client that keeps the server waiting is not waited for, and shuts nobody out."""

import contextlib
import http.client
import os
import resource
import socket
import time

import pytest

from semreg_tf.serving import connection
from semreg_tf.serving.connection import ConnectionPool
from semreg_tf.serving.limits import Limits
from semreg_tf.serving.server import bind

SECS = 20
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PREDICT = b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def connect():
    """Opens connections, all closed in the end: `connect(address)`."""
    with contextlib.ExitStack() as stack:

        def to(address):
            host, port = address.removeprefix("http://").split(":")
            opened = stack.enter_context(socket.create_connection((host, int(port)), SECS))
            opened.settimeout(SECS)
            return opened

        yield to


def rest(opened):
    """Returns what comes until the server closes the connection."""
    return b"".join(iter(lambda: opened.recv(65536), b""))


def answered(opened, request=HEALTH):
    """Returns the first line of the whole answer to a request."""
    opened.sendall(request)
    response = http.client.HTTPResponse(opened)
    response.begin()
    response.read()
    return f"{response.status} {response.reason}"


def test_a_connection_that_sends_nothing_is_closed(running, connect):
    _, _, address, _ = running({"header_secs": 0.2})
    started = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        assert rest(connect(address)) == b""
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("after", [b"", HEALTH])
def test_a_header_that_trickles_is_408(running, connect, after):
    _, _, address, _ = running({"header_secs": 0.3})
    opened = connect(address)
    if after:
        assert answered(opened, after) == "200 OK"
    started, got = time.monotonic(), b""
    opened.settimeout(0.02)
    opened.sendall(b"GET / HTTP/1.1\r\n")
    while not got and time.monotonic() - started < SECS:
        opened.sendall(b"X: y\r\n")
        with contextlib.suppress(TimeoutError):
            got = opened.recv(65536)
    assert got.startswith(b"HTTP/1.1 408 ") and b"No header within 0.3 seconds" in got
    assert 0.2 < time.monotonic() - started < 5


def test_a_body_that_trickles_is_408_and_counts_as_no_request(running, connect):
    server, _, address, _ = running({"body_secs": 0.4, "max_requests": 1})
    slow = [connect(address) for _ in range(3)]
    for opened in slow:
        opened.sendall(PREDICT + b"Content-Length: 5\r\n\r\n{")
    # None of them is in another's way.
    wrong = PREDICT + b"Content-Length: 2\r\n\r\n{}"
    assert answered(connect(address), wrong) == "400 Bad Request"
    for opened in slow:
        got = rest(opened)
        assert got.startswith(b"HTTP/1.1 408 ") and b"did not arrive within 0.4 seconds" in got
    assert server._service.intake.held_bytes == 0


def test_what_trickles_after_the_answer_keeps_no_connection_open(running, connect, monkeypatch):
    monkeypatch.setattr(connection, "_LINGER_SECS", 0.2)
    _, _, address, _ = running({"header_secs": 0.3, "body_secs": 0.1})
    opened = connect(address)
    opened.sendall(b"POST /v1/models/none:predict HTTP/1.1\r\nHost: localhost\r\n")
    opened.sendall(b"Content-Length: 100000\r\n\r\n")
    assert opened.recv(65536).startswith(b"HTTP/1.1 404 ")
    started = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - started < SECS:
            opened.sendall(b" ")
            time.sleep(0.02)
    assert time.monotonic() - started < 5


def test_an_idle_connection_is_closed_and_a_busy_one_stays(running, connect):
    server, _, address, _ = running({"idle_secs": 1})
    idle, busy = connect(address), connect(address)
    assert answered(idle) == "200 OK"
    started = time.monotonic()
    while time.monotonic() - started < 1.6:
        assert answered(busy) == "200 OK"
        time.sleep(0.1)
    assert rest(idle) == b""
    assert len(server.pool.connections) == 1


def test_a_client_that_takes_no_answer_is_dropped(running, connect, monkeypatch):
    monkeypatch.setattr(connection, "_LINGER_SECS", 0.1)
    bound = bind("127.0.0.1", 0)
    # Else the system would hold megabytes of answers.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    server, _, address, _ = running({"body_secs": 0.2, "idle_secs": 1}, bound)
    opened = connect(address)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert answered(opened) == "200 OK" and server.pool.connections
    with contextlib.suppress(OSError):
        for _ in range(300):
            opened.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    end = time.monotonic() + SECS
    while server.pool.connections and time.monotonic() < end:
        time.sleep(0.02)
    assert not server.pool.connections


def test_the_longest_idle_connection_makes_room(running, connect, monkeypatch):
    monkeypatch.setattr(connection, "_PATIENCE_SECS", 0.0)
    _, _, address, _ = running({"max_connections": 3})
    held = []
    for _ in range(3):
        held.append(connect(address))
        assert answered(held[-1]) == "200 OK"
    assert answered(connect(address)) == "200 OK"
    with contextlib.suppress(ConnectionResetError):
        assert rest(held[0]) == b""
    assert answered(held[1]) == "200 OK"


def test_a_flood_of_silent_connections_makes_room_within_a_moment(running, connect):
    server, _, address, _ = running({"max_connections": 5})
    for _ in range(5):
        connect(address)
    while len(server.pool.connections) < 5:
        pass
    time.sleep(connection._SILENT_SECS)
    assert answered(connect(address)) == "200 OK"


def test_where_no_connection_can_make_room_the_answer_is_503(running, connect, capsys):
    _, _, address, _ = running({"max_connections": 2})
    young = [connect(address) for _ in range(2)]
    for opened in young:
        assert answered(opened) == "200 OK"
    for _ in range(20):
        opened = connect(address)
        opened.sendall(HEALTH)
        got = rest(opened)
        assert got.startswith(b"HTTP/1.1 503 ") and b"too many connections" in got
        opened.close()
    assert answered(young[0]) == "200 OK"
    assert capsys.readouterr().err.count("one is refused") == 5


def test_garbage_is_told_so_although_more_of_it_comes(running, connect):
    _, _, address, _ = running()
    opened = connect(address)
    opened.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")
    assert rest(opened).startswith(b"HTTP/1.1 400 ")


def test_the_cap_stays_below_the_limit_on_open_files(monkeypatch):
    files = len(os.listdir("/dev/fd"))

    def limited_to(number):
        monkeypatch.setattr(resource, "getrlimit", lambda what: (number, number))
        return ConnectionPool(Limits()).capacity

    assert limited_to(resource.RLIM_INFINITY) == limited_to(100_000) == 1000
    assert 500 < limited_to(1024) < 1024 - files
    with pytest.raises(ValueError, match=r"The limit on open files must be above .* Received: 64"):
        limited_to(64)


@pytest.mark.large
def test_more_idle_connections_than_files_make_no_one_wait(running, connect):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
    try:
        server, _, address, _ = running()
        # The clients' ends are files of this process too.
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        for _ in range(1100):
            connect(address)
        started = time.monotonic()
        assert answered(connect(address)) == "200 OK"
        assert time.monotonic() - started < 3
        assert len(server.pool.connections) <= server.pool.capacity < 600
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
