"""Runs the project's modules as programs, each in a fork of a process that has TensorFlow ready.

TensorFlow's import takes three of the four seconds of a short program; here it is paid once for
all of a test run. What the import itself does to a program is tested with whole processes.
"""

import io
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PRELOADED = ["tensorflow", "keras", "tensorflow_datasets"]


def run_module(
    module: str, *arguments: str, cwd: Path = ROOT, input: str = "", **environment: str
) -> subprocess.CompletedProcess:
    """Does what `python -m module arguments` does and returns its status and its output.

    Args:
      module: name of a module of the checkout.
      *arguments: of the command line.
      cwd: folder that the program runs in.
      input: text of its standard input.
      **environment: variables beside those of this process.

    Returns:
      `returncode` (negative: the signal that ended it), `stdout` and `stderr` as text.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_bytes(os.fsencode(input))
        streams[1].touch()
        streams[2].touch()
        command = [module, *map(os.fspath, arguments)]
        process = _context().Process(
            target=_program, args=(command, os.fspath(cwd), environment, streams)
        )
        process.start()
        process.join()
        out, err = (
            path.read_text(encoding="utf-8", errors="surrogateescape") for path in streams[1:]
        )
        return subprocess.CompletedProcess(command, process.exitcode, out, err)


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    # TensorFlow reads it once, at its import.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL")
        if level is not None:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = level
    return context


def _program(command: list[str], cwd: str, environment: dict, streams: list[Path]) -> None:
    for number, (path, mode) in enumerate(zip(streams, ("rb", "wb", "wb"), strict=True)):
        with open(path, mode) as stream:
            os.dup2(stream.fileno(), number)
    # In place of the empty input that a child is given.
    sys.stdin = io.TextIOWrapper(io.FileIO(0), errors="surrogateescape")
    # The forking process ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, cwd)
    sys.argv = command
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        sys.stdout.flush()
