"""PyTorch as a contender: eval/benchmark_torch.py in a process and an environment of its own."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eval.interleaved import INSTEAD, Contender

# Last on the path: the folder's other modules have general names.
_FOLDER = str(Path(__file__).parent)
_CODE = f"import sys; sys.path.append({_FOLDER!r}); import benchmark_torch; benchmark_torch.main()"


class TorchPeer:
    """A running `benchmark_torch`, which does a round when told to; data is passed in `folder`."""

    def __init__(self, process: subprocess.Popen, folder: Path) -> None:
        self._process, self._folder = process, folder

    @classmethod
    @contextlib.contextmanager
    def started(cls, python: str | None) -> Iterator["TorchPeer | None"]:
        """Starts it by an interpreter that has PyTorch; None: there is no peer."""
        if python is None:
            yield None
            return
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with (
            tempfile.TemporaryDirectory() as folder,
            subprocess.Popen([python, "-c", _CODE], **pipes) as process,
        ):
            try:
                yield cls(process, Path(folder))
            finally:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()

    def prepare(self, part: str, **arrays: np.ndarray | float) -> None:
        """Hands over a part's drawn data, and builds its ways."""
        path = self._folder / f"{part}.npz"
        np.savez(path, **arrays)
        self._ask(prepare=part, path=str(path))

    def contender(self, name: str, way: str, amount: int) -> Contender:
        """Returns one of the script's ways as a contender.

        A round does `amount` units of work: steps, captions or pictures.
        """
        return Contender(name, lambda number: self.run(way, amount, number)["cpu"], INSTEAD)

    def run(self, way: str, amount: int, number: int = 0) -> dict[str, Any]:
        """Does a round; returns its processor seconds as `cpu`, and what it says of its result."""
        return self._ask(way=way, amount=amount, number=number)

    def _ask(self, **question: Any) -> dict[str, Any]:
        answer = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise ValueError(
                "`torch` must be a Python with PyTorch and torchvision: make benchmark-torch. "
                f"Received: one that ended with status {self._process.wait()}"
            )
        return json.loads(answer)
