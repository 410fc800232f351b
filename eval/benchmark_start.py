"""Times whole commands, from start to end: annotating one picture, and --help.

Each round starts a process. The plain way is a script that loads the SavedModel and calls it; the
limit is the import of TensorFlow alone. With --earlier, the same command of another checkout is
timed in the same rounds.

    python -m eval.benchmark --part=start [--earlier=../earlier]
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "flickr8k_captions"
PLAIN = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](images=tf.constant([open(sys.argv[2], "rb").read()]))
print(answer["annotations"].numpy()[0, 0].decode())
"""


def contests(earlier: str | None = None) -> Iterator[Contest]:
    """Yields the contests of one picture and of --help, also in the checkout `earlier`."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "drawn.jpg"
        pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
        Image.fromarray(pixels).save(picture)
        command = ["-m", "eval.annotate_images", f"--model={MODEL}", str(picture)]
        help_command = ["-m", "eval.annotate_images", "--help"]
        ways = [
            Contender(
                "a script: load, call", _start("-c", PLAIN, str(MODEL), str(picture)), INSTEAD
            ),
            Contender("ours, annotate_images", _start(*command)),
            Contender("import tensorflow alone", _start("-c", "import tensorflow"), LIMIT),
        ]
        helps = [
            Contender("ours, annotate_images --help", _start(*help_command)),
            Contender("Python alone", _start("-c", "pass"), LIMIT),
        ]
        if earlier is not None:
            ways.insert(2, Contender("ours, earlier", _start(*command, folder=Path(earlier))))
        yield Contest("one picture to its caption", "start", 1, ways)
        yield Contest("--help", "start", 1, helps)


def _start(*arguments: str, folder: Path = ROOT) -> Callable[[int], float]:
    """Returns a function that runs Python and returns its processor seconds."""

    def call(_: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
        )
        if done.returncode not in (0, 1 if "--help" in arguments else 0):
            raise ValueError(
                f"`earlier` must be a checkout that runs. Received: {folder}, {done.stderr[-300:]}"
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(getattr(after, n) - getattr(before, n) for n in ("ru_utime", "ru_stime"))

    return call
