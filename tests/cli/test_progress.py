"""A bar is drawn where nothing else is written, a line now and then where nobody watches."""

import sys

import pytest

from cli import progress


class Terminal:
    """A stream that is a terminal, or not."""

    def __init__(self, is_terminal):
        self._is_terminal, self.written = is_terminal, ""

    def isatty(self):
        return self._is_terminal

    def write(self, text):
        self.written += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    "out, err, prints, bar",
    [
        (True, True, True, False),
        (False, True, True, True),
        (True, True, False, True),
        (False, False, True, False),
        (True, False, True, False),
    ],
)
def test_a_bar_and_answers_do_not_share_a_terminal(monkeypatch, out, err, prints, bar):
    monkeypatch.setattr(sys, "stdout", Terminal(out))
    monkeypatch.setattr(sys, "stderr", Terminal(err))
    assert list(progress.shown(range(3), "annotating", 5, 2, prints=prints)) == [0, 1, 2]
    assert ("annotating" in sys.stderr.written) == bar
    assert not sys.stdout.written


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert len(list(progress.shown(range(3), "annotating", 1500, 1200))) == 3
    assert sys.stderr.written == "annotating: 1,202 of 1,500 pictures\n"
