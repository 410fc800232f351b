"""One holder at a time, by another process too, and a killed one holds nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from semreg_tf.files.file_lock import FileLock

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from semreg_tf.files.file_lock import FileLock
with FileLock(sys.argv[1], "workdir", sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path):
    path = tmp_path / "new" / ".lock"
    with FileLock(path, "workdir", "runs/a"):
        with pytest.raises(ValueError, match="in use by another process") as refused:
            FileLock(path, "workdir", "runs/a")
        assert f"process {os.getpid()} on " in str(refused.value)
        assert str(refused.value).endswith("Received: workdir='runs/a'")
    assert not path.exists()
    FileLock(path, "workdir", "runs/a").close()


def test_it_is_released_by_an_error_and_twice_is_once(tmp_path):
    lock = FileLock(tmp_path / ".lock", "workdir", tmp_path)
    with pytest.raises(KeyError), lock:
        raise KeyError
    lock.close()
    with FileLock(tmp_path / ".lock", "workdir", tmp_path):
        lock.close()
        with pytest.raises(ValueError, match="in use"):
            FileLock(tmp_path / ".lock", "workdir", tmp_path)


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=f"process {other.pid} on "):
            FileLock(path, "workdir", tmp_path)
        other.send_signal(signal.SIGKILL)
        other.wait()
    with FileLock(path, "workdir", tmp_path):
        pass


def test_waiting_says_for_whom_and_goes_on(tmp_path, caplog):
    first = FileLock(tmp_path / ".lock", "folder", "features")
    timer = threading.Timer(0.3, first.close)
    timer.start()
    started = time.monotonic()
    with FileLock(tmp_path / ".lock", "folder", "features", wait=True):
        assert time.monotonic() - started > 0.2
    timer.join()
    (told,) = caplog.messages
    assert told.startswith(f"Waiting: process {os.getpid()} on ") and told.endswith(
        "writes features"
    )


def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(OSError, match=r"`workdir` must be a folder that can be written.*'/proc/x'"):
        FileLock("/proc/x/.lock", "workdir", "/proc/x")
