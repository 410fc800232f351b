"""Puts a server under load from many clients at once, with good and bad requests in a mixture.

  python -m eval.load_test --model=runs/export
  python -m eval.load_test --url=http://127.0.0.1:8501 --name=export

With --model it starts a server of its own on this machine and stops it in the end; what else is
given goes to it (`-- --max_batch_images=1`). Every request must get the one right answer for its
kind, or 429 and the right answer later; the status is 1 if any did not. Clients and server share
the machine, so the times are those of both.
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
    """What became of a request.

    Attributes:
      kind: of the request.
      fault: what was wrong with the answer, or None.
      secs: of the try that was answered.
      tries: 1, and one more for every 429.
    """

    kind: Kind
    fault: str | None
    secs: float
    tries: int


class Client:
    """One connection, kept alive as long as the server does.

    Args:
      address: of the server.
      name: of the model.
    """

    def __init__(self, address: str, name: str) -> None:
        parts = urllib.parse.urlsplit(address)
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=_TIMEOUT_SECS
        )
        self._path = f"/v1/models/{name}"

    def send(self, kind: Kind) -> Outcome:
        """Sends a request, again after each 429, and judges the answer."""
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
    """Sends requests from many clients at once.

    Args:
      address: of the server.
      name: of the model.
      requests: taken by the clients in order.
      num_clients: threads, each with a connection.

    Returns:
      An outcome a request, in no order.
    """
    left, outcomes, lock = iter(requests), [], threading.Lock()
    start = threading.Barrier(num_clients)

    def work() -> None:
        client = Client(address, name)
        start.wait()
        while True:
            with lock:
                kind = next(left, None)
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
        found = [*np.percentile(millisecs, _PERCENTILES), millisecs.max()]
        rows.append(
            [
                name,
                "" if name == "all" else str(group[0].kind.code),
                str(len(group)),
                str(sum(outcome.fault is not None for outcome in group)),
                str(sum(outcome.tries - 1 for outcome in group)),
                *(f"{value:.0f}" for value in found),
            ]
        )
    return console.table(header, [*rows[1:], rows[0]])


def report(address: str, name: str, num_requests: int, num_clients: int, max_body: int) -> bool:
    """Loads a server, prints what came of it, and returns whether every answer was right."""
    requests = draw(kinds(max_body), num_requests)
    before, started = counts(address), time.perf_counter()
    outcomes = load(address, name, requests, num_clients)
    secs, after = time.perf_counter() - started, counts(address)

    def grown(start: str) -> float:
        return sum(v - before.get(k, 0) for k, v in after.items() if k.startswith(start))

    print(f"{num_clients} clients, {len(outcomes)} requests in {secs:.1f} s\n")
    print(percentile_table(outcomes))
    annotated = grown('semreg_images_total{outcome="annotated"}')
    seen, sent = grown("semreg_requests_total{"), sum(outcome.tries for outcome in outcomes)
    # The first reading of the metrics is counted too.
    lost = int(sent + 1 - seen)
    failed = int(sum(grown(k) for k in after if k.startswith('semreg_requests_total{code="5')))
    memory = max(before["process_resident_memory_bytes"], after["process_resident_memory_bytes"])
    batch = grown("semreg_batch_images_sum") / max(1, grown("semreg_batch_images_count"))
    print(
        f"\n{annotated / secs:.0f} pictures a second, {batch:.1f} to a batch; "
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
            fine = report(_URL.value, _NAME.value, *sizes)
        else:
            limit = f"--max_body_mb={_LIMIT.value}"
            with own_server(_MODEL.value, _NAME.value, [limit, *argv[1:]]) as address:
                fine = report(address, _NAME.value, *sizes)
    if not fine:
        raise SystemExit(1)


if __name__ == "__main__":
    program.run(main, arguments="after --, flags of the server that --model starts")
