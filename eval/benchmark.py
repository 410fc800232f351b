"""Times the parts of the system beside the plain way, in one run each.

python -m eval.benchmark --part=train --part=decode --part=input
"""

from absl import app, flags

from eval import benchmark_decode, benchmark_input, benchmark_train

_PARTS = {
    "input": benchmark_input.main,
    "train": benchmark_train.main,
    "decode": benchmark_decode.run,
}
_PART = flags.DEFINE_multi_enum("part", list(_PARTS), list(_PARTS), "What to time; repeatable.")


def main(_: list[str]) -> None:
    """Times each part."""
    for part in _PART.value:
        _PARTS[part]()


if __name__ == "__main__":
    app.run(main)
