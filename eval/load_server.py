"""Starting a server for a test under load, and reading its metrics."""

import contextlib
import http.client
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Sequence

_TIMEOUT_SECS = 120


@contextlib.contextmanager
def own_server(model: str, name: str, arguments: Sequence[str] = ()) -> Iterator[str]:
    """Serves a model on a free port of this machine while the block runs; yields its URL.

    Raises:
      RuntimeError: the server did not start, or ended with another status than after SIGTERM.
    """
    command = [sys.executable, "-m", "eval.serve", f"--model={name}={model}", "--port=0"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                print(line, end="")
                if line.startswith("Serving on "):
                    yield line.split()[2].rstrip("/")
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            print(process.stdout.read(), end="")
    if process.returncode not in (0, 128 + signal.SIGTERM):
        raise RuntimeError(f"The server ended with status {process.returncode}.")


def counts(address: str) -> dict[str, float]:
    """Returns the server's metrics by sample."""
    parts = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECS)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return {k: float(v) for k, v in (x.rsplit(" ", 1) for x in lines if not x.startswith("#"))}
