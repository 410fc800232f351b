"""Times training steps with one, two and four worker processes on this machine, over loopback.

The global batch is constant, and each process has one thread. With more processes than cores, the
elapsed time cannot fall further; the total processor time of the workers, compared with that of one
process, then shows the overhead. The relational step sums 80 MB of gradients, the unary step of
SqueezeNet 5 MB.

    python -m eval.benchmark --part=workers
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.interleaved import INSTEAD, OURS, Contender, Contest

ROOT = Path(__file__).parents[1]
NUMBERS, STEPS = (1, 2, 4), 4
# Stage -> images in the global batch, captions per image, encoder.
STAGES = {"relational": (32, 1, None), "unary": (16, 1, "squeezenet_v1_1")}
_CODE = "from eval.benchmark_workers import work; work()"


def contests(numbers: tuple[int, ...] = NUMBERS, steps: int = STEPS) -> Iterator[Contest]:
    """Yields a contest per stage, between groups of different numbers of workers."""
    for stage, (images, _, encoder) in STAGES.items():
        with contextlib.ExitStack() as stack:
            ways = [
                Contender(
                    "1 process" if number == 1 else f"{number} workers",
                    stack.enter_context(_workers(stage, number, steps)),
                    INSTEAD if number == 1 else OURS,
                )
                for number in numbers
            ]
            title = f"{stage} step{f' of {encoder}' if encoder else ''}"
            yield Contest(f"{title}, {images} examples in all, a thread each", "step", steps, ways)


@contextlib.contextmanager
def _workers(stage: str, number: int, steps: int) -> Iterator[Callable[[int], float]]:
    """Starts workers; yields a function that runs one round of steps on all of them."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(number)]
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    with contextlib.ExitStack() as stack:
        processes = []
        for index in range(number):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            shared = {"TF_CONFIG": json.dumps(cluster)} if number > 1 else {}
            threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
            process = subprocess.Popen(
                [sys.executable, "-c", _CODE, stage, str(number), str(steps)],
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **threads, **shared},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)

        def call(_: int) -> float:
            for process in processes:
                process.stdin.write("\n")
                process.stdin.flush()
            answers = [process.stdout.readline() for process in processes]
            if not all(answers):
                raise ValueError(f"every worker must take its steps. Received: {answers}")
            return sum(map(float, answers))

        yield call


def work() -> None:
    """Runs one worker: for each line of input, takes the steps and prints the processor seconds."""
    stage, number, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    from semreg_tf.training.distribution import Distribution

    # The strategy must be created before TensorFlow runs any operation.
    distribution = Distribution("multi_worker_mirrored" if number > 1 else "none")
    from eval.synthetic_batches import EXPERIMENT, caption_batch, training_step, with_encoder
    from semreg_tf import experiments
    from semreg_tf.models.encoder import encoder_spec

    images, captions, encoder = STAGES[stage]
    config = experiments.get(EXPERIMENT)
    size = None
    if encoder is not None:
        config, size = with_encoder(config, encoder), encoder_spec(encoder).default_size
    step, _ = training_step(config, stage, distribution=distribution)
    tensors = caption_batch(images // number, captions, size)
    for _ in sys.stdin:
        before = time.process_time()
        for _ in range(steps):
            float(step(tensors)["loss"])
        print(time.process_time() - before, flush=True)
