"""Times the parts of the system beside the plain way, in one run each.

  python -m eval.benchmark --part=train --part=decode --part=input --part=annotate
  python -m eval.benchmark --part=neighbours

The input is timed on drawn pictures, or on a prepared data set's:
--data_dir=data --dataset=coco_tags/coco128 --split=train. The search is timed on random weights, or
on a trained captioner whose decoder reads concepts: --data_dir=data --workdir=runs/joint.
"""

from absl import flags

from semreg_tf.cli import program, shared_flags
from semreg_tf.console import plain_errors

_PARTS = ("input", "train", "decode", "annotate")
_ALL_PARTS = (*_PARTS, "neighbours")
_PART = flags.DEFINE_multi_enum(
    "part",
    _PARTS,
    _ALL_PARTS,
    "Part to time; repeatable. The neighbours by user tags are timed only if named.",
)
_DATA_DIR = shared_flags.define_data_dir(required=False)
_DATASET = flags.DEFINE_string(
    "dataset", None, "For the input: the data set; generated pictures if not given."
)
_SPLIT = flags.DEFINE_string("split", "train", "For the input: the split.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "For decoding: work directory of a trained captioner."
)


def main(_: list[str]) -> None:
    """Times each part."""
    with plain_errors():
        for name in _PART.value:
            _time(name)


def _time(part: str) -> None:
    if part == "input":
        from eval import benchmark_input

        benchmark_input.main(_DATA_DIR.value, _DATASET.value, _SPLIT.value)
    elif part == "train":
        from eval import benchmark_train

        benchmark_train.main()
    elif part == "decode":
        from eval import benchmark_decode

        trained = None
        if _WORKDIR.value is not None:
            trained = benchmark_decode.trained_decoder(_WORKDIR.value, _DATA_DIR.value)
        benchmark_decode.run(trained=trained)
    elif part == "neighbours":
        from eval import benchmark_neighbours

        benchmark_neighbours.run()
    else:
        from eval import benchmark_annotate

        benchmark_annotate.run()


if __name__ == "__main__":
    program.run(main, stopped="Stopped; the figures printed are of whole parts.")
