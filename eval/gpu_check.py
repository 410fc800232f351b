r"""Checks and times everything that matters on a GPU, in one go of at most eight minutes.

  make gpu-check
  python -m eval.gpu_check --out=gpu_check.json --max_minutes=7

First `pytest -m gpu` holds the GPU to the CPU (float32 without TF32, 1e-4). Then: the card's rate
of matrix products and of memory; the relational step beside plain Keras's; the joint and unary
steps of each encoder; greedy and beam search; annotating files with an export. Precisions and XLA
are varied, the peak of memory is read, and the time of the paper's schedule is worked out. Every
part is written to --out as soon as it is done; parts that no time is left for are named.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags

from semreg_tf.cli import program
from semreg_tf.files.whole_file import write_json

_OUT = flags.DEFINE_string("out", "gpu_check.json", "JSON file for the figures.")
_MAX_MINUTES = flags.DEFINE_float("max_minutes", 7.5, "Minutes after which no new part starts.")
_PARTS = flags.DEFINE_multi_string("part", [], "Part to run, repeatable; all if not given.")
_STEPS = flags.DEFINE_integer("steps", 20, "Timed steps for each row.", 2)


def correctness() -> list[dict[str, Any]]:
    """Runs the tests that hold a GPU to the CPU, in a process of their own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "tests/gpu",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout[-4000:], flush=True)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-300:]
    return [{"part": "correctness", "status": done.returncode, "summary": last}]


def main(_: list[str]) -> None:
    """Runs the parts."""
    started = time.perf_counter()
    record: dict[str, Any] = {"rows": [], "left_out": []}
    out = Path(_OUT.value)

    def run_part(name: str, part: Callable[[], list[dict[str, Any]]]) -> None:
        minutes = (time.perf_counter() - started) / 60
        if _PARTS.value and name not in _PARTS.value:
            return
        if minutes > _MAX_MINUTES.value:
            record["left_out"].append(name)
            print(f"{name}: left out, {minutes:.1f} minutes are over", flush=True)
        else:
            try:
                rows = part()
            # One part that the card cannot run must not cost the others.
            except Exception as error:
                rows = [{"part": name, "error": f"{type(error).__name__}: {error}"[:400]}]
            record["rows"] += rows
            for row in rows:
                print(json.dumps(row), flush=True)
        record["elapsed_secs"] = round(time.perf_counter() - started, 1)
        write_json(out, record)

    # The tests' process must not find the card's memory taken.
    run_part("correctness", correctness)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    from eval import gpu_parts

    record["device"] = gpu_parts.describe_device()
    for name, part in gpu_parts.parts(_STEPS.value).items():
        run_part(name, part)
    record["paper_schedule"] = gpu_parts.paper_schedule(record["rows"])
    write_json(out, record)
    print(json.dumps({"device": record["device"], "paper_schedule": record["paper_schedule"]}))
    failed = [r for r in record["rows"] if r.get("status") or "error" in r]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    program.run(main, stopped="Stopped; the parts done are in --out.")
