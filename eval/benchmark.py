"""Times the parts of the system beside a user's own code and beside one part of the same work.

  python -m eval.benchmark --part=train --part=decode
  python -m eval.benchmark --json               # all parts, to results/benchmarks/, BENCHMARKS.md
  python -m eval.benchmark --part=litert --pictures=photos     # LiteRT files beside SavedModels

With --json, parts with a record are skipped, so the same command continues after an interruption;
remove a record to measure its part again. PyTorch is timed too if `make benchmark-torch` has built
its environment. Image input is timed on random pictures, or on those of a prepared data set
(--data_dir=data --dataset=coco_tags/coco128 --split=train). Decoding is timed with random weights,
and also with those of a trained captioner that reads concepts (--data_dir=data
--workdir=runs/joint).
"""

import importlib
import os
from pathlib import Path

from absl import flags

from cli import program, shared_flags
from eval.benchmark_record import PARTS
from semreg_tf.console import plain_errors

LITERT = "litert"
_PART = flags.DEFINE_multi_enum(
    "part", PARTS, (*PARTS, LITERT), "Part to time; repeatable. LiteRT is timed only if named."
)
_PICTURES = flags.DEFINE_string("pictures", None, "For LiteRT: folder of pictures. [random ones]")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds of each way.", lower_bound=1)
_JSON = flags.DEFINE_bool("json", False, "Write records and update the tables of --into.")
_RECORDS = flags.DEFINE_string("records", "results/benchmarks", "Folder of the records.")
_AGAIN = flags.DEFINE_bool("again", False, "Record a second run, in RECORDS/again.")
_INTO = flags.DEFINE_string("into", "BENCHMARKS.md", "Document with the tables.")
_TORCH = flags.DEFINE_string(
    "torch", ".venv-torch/bin/python", "Python with PyTorch; without this file PyTorch is left out."
)
_EARLIER = flags.DEFINE_string(
    "earlier", None, "For start: folder of another checkout to compare with."
)
_DATA_DIR = shared_flags.define_data_dir(required=False)
_DATASET = flags.DEFINE_string("dataset", None, "For input: data set. [random pictures]")
_SPLIT = flags.DEFINE_string("split", "train", "For input: split.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "For decode: work directory of a trained captioner."
)
_MINUTES = flags.DEFINE_float(
    "max_minutes", None, "For growth: minutes after which no new point starts."
)


def main(_: list[str]) -> None:
    """Times the parts."""
    with plain_errors():
        for part in _PART.value:
            _time(part)


def _time(part: str) -> None:
    if part == LITERT:
        # As many as LiteRT gets; TensorFlow reads it when it starts.
        os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
        from eval import benchmark_litert

        benchmark_litert.run(pictures=_PICTURES.value)
        return
    from eval import benchmark_record, interleaved

    folder, into = Path(_RECORDS.value), Path(_INTO.value)
    second = benchmark_record.AGAIN if _AGAIN.value else ""
    path = benchmark_record.record_path(folder / second, part)
    module = importlib.import_module(f"eval.benchmark_{part}")
    if part == "growth":
        module.run(path if _JSON.value else None, _MINUTES.value)
    elif not (_JSON.value and path.exists()):
        rows = interleaved.run_all(module.contests(**_options(part)), _ROUNDS.value)
        if _JSON.value:
            benchmark_record.write_record(path, part, rows, _ROUNDS.value)
    if _JSON.value:
        text = into.read_text(encoding="utf-8")
        into.write_text(benchmark_record.with_tables(text, folder), encoding="utf-8")


def _options(part: str) -> dict[str, object]:
    """Returns the arguments of a part's `contests` from the flags."""
    torch = _TORCH.value if Path(_TORCH.value).exists() else None
    if part == "train":
        return {"torch_python": torch}
    if part == "decode":
        from eval.benchmark_decode import trained_decoder

        run = _WORKDIR.value
        trained = None if run is None else trained_decoder(run, _DATA_DIR.value)
        return {"torch_python": torch, "trained": trained}
    if part == "input":
        names = {"data_dir": _DATA_DIR.value, "dataset": _DATASET.value, "split": _SPLIT.value}
        return {"torch_python": torch, **names}
    return {"earlier": _EARLIER.value} if part == "start" else {}


if __name__ == "__main__":
    program.run(
        main, stopped="Stopped; finished parts are recorded, and the same command continues."
    )
