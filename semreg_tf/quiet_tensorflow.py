"""Suppresses the lines that TensorFlow writes when it starts.

`TF_CPP_MIN_LOG_LEVEL=3` suppresses most. TensorFlow writes others before it reads that variable,
from C++ to file descriptor 2, so a filter reads that descriptor while TensorFlow is imported.
"""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
QUIET = "3"
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|I\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: I \S+:\d+\] "
    rb"|To enable the following instructions: .* rebuild TensorFlow"
    # Written on every machine with a GPU: TensorFlow registers these libraries twice.
    rb"|[EW]\d{4} .*(Unable to register cu\w+ (factory|plugin)|computation placer already)"
)
_CHILD_SECS = 1.0


@contextlib.contextmanager
def filtered_stderr() -> Iterator[None]:
    """Sends file descriptor 2 through a child process that drops TensorFlow's start-up lines.

    It is a process, not a thread, because the import may hold Python's lock while it writes, and
    lines written before a crash must still reach the terminal.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _filter_lines(reader, writer)
    os.close(reader)
    os.dup2(writer, 2)
    os.close(writer)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        _wait_for(child)


def _filter_lines(reader: int, writer: int) -> None:
    """Copies lines that do not match `_NOISE` to the terminal until the parent closes the pipe."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.close(writer)
        with open(reader, "rb", buffering=0) as lines:
            for line in lines:
                if not _NOISE.match(line):
                    os.write(2, line)
    finally:
        os._exit(0)


def _wait_for(child: int) -> None:
    """Waits for the child to end, at most a second: another process may hold its pipe open."""
    deadline = time.monotonic() + _CHILD_SECS
    while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.001)
