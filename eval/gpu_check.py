r"""Checks correctness and speed on a GPU in at most eight minutes.

  make gpu-check
  python -m eval.gpu_check --out=gpu_check.json --max_minutes=7

First `pytest -m gpu` compares the GPU with the CPU (float32 without TF32, 1e-4). Then it measures
the card's rates of matrix products and of memory; the relational step and that of plain Keras; the
joint and unary steps of each encoder; greedy and beam search; annotating files with an export; with
several precisions, with and without XLA. It records the peak memory and estimates the time of the
paper's schedule. Each part is written to --out when it is done; parts without time left are listed.
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

from cli import program
from semreg_tf.files.whole_file import write_json

_OUT = flags.DEFINE_string("out", "gpu_check.json", "JSON file for the figures.")
_MAX_MINUTES = flags.DEFINE_float("max_minutes", 7.5, "Minutes after which no new part starts.")
_PARTS = flags.DEFINE_multi_string("part", [], "Part to run; repeatable. [all parts]")
_STEPS = flags.DEFINE_integer("steps", 20, "Timed steps for each row.", 2)


def correctness() -> list[dict[str, Any]]:
    """Runs the tests that compare the GPU with the CPU in a separate process."""
    options = ["-q", "-m", "gpu", "tests/gpu", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options]
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
            # Other parts run even if the card cannot run this one.
            except Exception as error:
                rows = [{"part": name, "error": f"{type(error).__name__}: {error}"[:400]}]
            record["rows"] += rows
            for row in rows:
                print(json.dumps(row), flush=True)
        record["elapsed_secs"] = round(time.perf_counter() - started, 1)
        write_json(out, record)

    # The tests' process needs the card's memory, so it runs before this one allocates any.
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
