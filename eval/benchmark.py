"""Times the parts of the system beside the plain way, in one run each.

  python -m eval.benchmark --part=train --part=decode --part=input --part=annotate

The input is timed on drawn pictures, or on a prepared data set's:
--data_dir=data --dataset=coco_tags/coco128 --split=train.
"""

from absl import app, flags

from eval import benchmark_annotate, benchmark_decode, benchmark_input, benchmark_train

_PARTS = {
    "input": lambda: benchmark_input.main(_DATA_DIR.value, _DATASET.value, _SPLIT.value),
    "train": benchmark_train.main,
    "decode": benchmark_decode.run,
    "annotate": benchmark_annotate.run,
}
_PART = flags.DEFINE_multi_enum("part", list(_PARTS), list(_PARTS), "What to time; repeatable.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Input: folder of prepared data sets.")
_DATASET = flags.DEFINE_string("dataset", None, "Input: which; drawn pictures if not given.")
_SPLIT = flags.DEFINE_string("split", "train", "Input: its split.")


def main(_: list[str]) -> None:
    """Times each part."""
    for part in _PART.value:
        _PARTS[part]()


if __name__ == "__main__":
    app.run(main)
