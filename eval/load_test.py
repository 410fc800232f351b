"""Tests a server under the load of many concurrent clients, with good and bad requests.

  python -m eval.load_test --model=runs/export
  python -m eval.load_test --url=http://127.0.0.1:8501 --name=export

With --model it starts a server on this machine and stops it at the end; flags after `--` are the
server's (`-- --max_batch_images=1`). Every request must get the expected answer for its kind,
possibly after some 429; otherwise the exit status is 1. Clients and server share the machine, so
the times include both.
"""

import http.client
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from absl import flags

from eval.load_server import counts, own_server
from eval.load_traffic import BUSY, Kind, draw, kinds
from semreg_tf import console
from semreg_tf.cli import program

_MODEL = flags.DEFINE_string("model", None, "Folder of an export to serve for the test.")
_URL = flags.DEFINE_string("url", None, "Address of a running server, in place of --model.")
_NAME = flags.DEFINE_string("name", "model", "Name of the model on the server.")
_CLIENTS = flags.DEFINE_integer("clients", 64, "Concurrent clients.", 1)
_REQUESTS = flags.DEFINE_integer("requests", 2000, "Requests of all clients together.", 1)
_LIMIT = flags.DEFINE_float("max_body_mb", 32.0, "The server's limit on the size of a body.", 0.001)

_PERCENTILES = (50, 90, 99)
_TIMEOUT_SECS = 120
_MOST_TRIES = 50


@dataclass(frozen=True)
class Outcome:
    """The result of a request: what is wrong with the answer, and the latency of the last try.

    Every answer of 429 adds one to `tries`.
    """

    kind: Kind
    fault: str | None
    secs: float
    tries: int


class Client:
    """A client of one model, with a keep-alive connection to the server at `address`."""

    def __init__(self, address: str, name: str) -> None:
        parts = urllib.parse.urlsplit(address)
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=_TIMEOUT_SECS
        )
        self._path = f"/v1/models/{name}"

    def send(self, kind: Kind) -> Outcome:
        """Sends a request, again after each 429, and checks the answer."""
        for tries in range(1, _MOST_TRIES + 1):
            started = time.perf_counter()
            try:
                self._connection.request("POST", self._path + kind.path, kind.body)
                response = self._connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._connection.close()
                return Outcome(kind, f"lost: {error!r}", time.perf_counter() - started, tries)
            secs = time.perf_counter() - started
            if response.status != BUSY:
                break
            time.sleep(min(float(response.headers["Retry-After"]), 1.0))
        fault = None
        if response.status != kind.code:
            fault = f"{response.status}: {str(answer)[:100]}"
        elif not kind.is_right(answer):
            fault = f"wrong answer: {str(answer)[:100]}"
        return Outcome(kind, fault, secs, tries)


def load(address: str, name: str, requests: Sequence[Kind], num_clients: int) -> list[Outcome]:
    """Sends requests from many clients at once; each client sends the next one on its connection.

    Returns:
      The outcomes, in arbitrary order.
    """
    remaining, outcomes, lock = iter(requests), [], threading.Lock()
    start = threading.Barrier(num_clients)

    def work() -> None:
        client = Client(address, name)
        start.wait()
        while True:
            with lock:
                kind = next(remaining, None)
            if kind is None:
                return
            outcomes.append(client.send(kind))

    threads = [threading.Thread(target=work) for _ in range(num_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def percentile_table(outcomes: Sequence[Outcome]) -> str:
    """Returns requests, faults, 429s and latency percentiles by kind."""
    times = [f"p{p} ms" for p in _PERCENTILES]
    header = ["request", "right answer", "sent", "wrong", "429s", *times, "max ms"]
    groups: dict[str, list[Outcome]] = {"all": list(outcomes)}
    for outcome in outcomes:
        groups.setdefault(outcome.kind.name, []).append(outcome)
    rows = []
    for name, group in groups.items():
        millisecs = 1000 * np.array([outcome.secs for outcome in group])
        latencies = [*np.percentile(millisecs, _PERCENTILES), millisecs.max()]
        rows.append(
            [
                name,
                "" if name == "all" else str(group[0].kind.code),
                str(len(group)),
                str(sum(outcome.fault is not None for outcome in group)),
                str(sum(outcome.tries - 1 for outcome in group)),
                *(f"{value:.0f}" for value in latencies),
            ]
        )
    return console.table(header, [*rows[1:], rows[0]])


def report(address: str, name: str, num_requests: int, num_clients: int, max_body: int) -> bool:
    """Tests a server, prints the results, and returns whether every answer was right."""
    requests = draw(kinds(max_body), num_requests)
    before, started = counts(address), time.perf_counter()
    outcomes = load(address, name, requests, num_clients)
    secs, after = time.perf_counter() - started, counts(address)

    def increase(prefix: str) -> float:
        return sum(v - before.get(k, 0) for k, v in after.items() if k.startswith(prefix))

    print(f"{num_clients} clients, {len(outcomes)} requests in {secs:.1f} s\n")
    print(percentile_table(outcomes))
    annotated = increase('semreg_images_total{outcome="annotated"}')
    counted, sent = increase("semreg_requests_total{"), sum(outcome.tries for outcome in outcomes)
    # The first reading of the metrics is a request too.
    lost = int(sent + 1 - counted)
    failed = int(sum(increase(k) for k in after if k.startswith('semreg_requests_total{code="5')))
    memory = max(before["process_resident_memory_bytes"], after["process_resident_memory_bytes"])
    batch = increase("semreg_batch_images_sum") / max(1, increase("semreg_batch_images_count"))
    print(
        f"\n{annotated / secs:.0f} pictures per second, {batch:.1f} per batch; "
        f"5xx: {failed}; not counted by the server: {lost}; its memory: {memory / 2**20:.0f} MiB"
    )
    for fault, number in Counter(f"{o.kind.name}: {o.fault}" for o in outcomes if o.fault).items():
        print(f"{number} x {fault}")
    return not (lost or failed or any(outcome.fault for outcome in outcomes))


def main(argv: list[str]) -> None:
    """Runs the test."""
    with console.plain_errors(RuntimeError):
        if (_MODEL.value is None) == (_URL.value is None):
            raise ValueError("Give either --model or --url. Received: both or neither")
        sizes = (_REQUESTS.value, _CLIENTS.value, int(_LIMIT.value * 2**20))
        if _URL.value is not None:
            passed = report(_URL.value, _NAME.value, *sizes)
        else:
            limit = f"--max_body_mb={_LIMIT.value}"
            with own_server(_MODEL.value, _NAME.value, [limit, *argv[1:]]) as address:
                passed = report(address, _NAME.value, *sizes)
    if not passed:
        raise SystemExit(1)


if __name__ == "__main__":
    program.run(main, arguments="after --, flags of the server that --model starts")
