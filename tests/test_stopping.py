"""Signals become one exception; what was started to ignore them still does."""

import os
import signal
import subprocess
import sys

import pytest

from semreg_tf import stopping
from semreg_tf.stopping import Stopped, run_child, signals_handled_by, stoppable


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_raises_and_its_echo_does_not(number, status):
    before = signal.getsignal(number)
    with stoppable():
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), number)
        for other in stopping.SIGNALS:
            os.kill(os.getpid(), other)
    assert stopped.value.exit_status == status
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert signal.getsignal(number) == before


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    received = []
    try:
        with signals_handled_by(lambda number, _: received.append(number)):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert received == [signal.SIGTERM]


def test_a_child_is_ended_with_its_parent(monkeypatch):
    children = []

    class Child(subprocess.Popen):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            children.append(self)

        def wait(self, timeout=None):
            if self.poll() is None and len(waits) == 0:
                waits.append(1)
                os.kill(os.getpid(), signal.SIGTERM)
            return super().wait(timeout)

    waits = []
    monkeypatch.setattr(stopping.subprocess, "Popen", Child)
    with stoppable(), pytest.raises(Stopped):
        run_child(["sleep", "60"])
    assert children[0].returncode == -signal.SIGTERM
    assert not stopping._CHILDREN


def test_a_child_that_ends_gives_its_status():
    assert run_child([sys.executable, "-c", "raise SystemExit(3)"]) == 3
