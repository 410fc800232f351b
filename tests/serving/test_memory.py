"""Free memory goes back to the system where the C library can do that."""

import ctypes
import subprocess
import sys

import pytest

from semreg_tf.serving import memory

SCRIPT = """
import ctypes
import sys
import threading
from semreg_tf.serving import memory

def rss():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

def arenas():
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    return open(sys.argv[1]).read().count("<heap nr=")

def fill(keep):
    together.wait()
    # Below the size from which malloc maps pages by themselves; one small block holds each arena.
    blocks = [bytes(100_000) for _ in range(500)]
    keep.append(bytearray(1000))

memory.use_few_arenas()
kept, before, together = [], rss(), threading.Barrier(4)
threads = [threading.Thread(target=fill, args=[kept]) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
memory.return_free_memory()
print(rss() - before, arenas())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_threads_held_goes_back(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "info.xml")]
    found = subprocess.run(command, capture_output=True, text=True)
    assert not found.returncode, found.stderr
    grown_mebibytes, arenas = map(int, found.stdout.split())
    assert grown_mebibytes < 20 and arenas <= 2


def test_another_c_library_is_no_error(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not memory.use_few_arenas() and not memory.return_free_memory()
