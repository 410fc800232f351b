"""Decoding of pictures with PIL, the reference for the time of input pipelines."""

import io
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from PIL import Image

# The files of a process.
_share: list[bytes] = []


class BareDecode:
    """Decodes files with PIL in separate processes, whose memory is not fragmented by pipelines.

    Each file is decoded `passes` times.
    """

    def __init__(self, files: list[bytes], passes: int) -> None:
        workers = min(os.cpu_count() or 1, len(files))
        context = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, context, _set_share, (files[i::workers], passes))
            for i in range(workers)
        ]

    def __call__(self) -> float:
        """Decodes all files and returns the processes' CPU time in seconds."""
        return sum(job.result() for job in [pool.submit(_decode_share) for pool in self._pools])

    def close(self) -> None:
        """Ends the processes."""
        for pool in self._pools:
            pool.shutdown()


def _set_share(files: list[bytes], passes: int) -> None:
    global _share
    _share = files * passes


def _decode_share() -> float:
    before = time.process_time()
    for encoded in _share:
        np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    return time.process_time() - before
